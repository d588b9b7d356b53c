/** Who calls, and what of it is believed. */
import { sameText, type Secret } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';

/** Where a request came in: the Unix socket (its file's mode is the guard) or TCP (a token is). */
export type Door =
  | { readonly kind: 'socket' }
  | { readonly kind: 'tcp'; readonly token: Secret; readonly tokenName: string; readonly openPaths: ReadonlySet<string> };

/** True when the request may pass. Compares digests, so that neither length nor content of the token leaks by time. */
export function admitted(door: Door, path: string, authorization: string | undefined): boolean {
  if (door.kind === 'socket' || door.openPaths.has(path)) return true;
  const told = bearerOf(authorization);
  return told !== null && sameText(told, door.token.reveal());
}

/** The token of an `Authorization` header; null without one. */
export function bearerOf(authorization: string | undefined): string | null {
  return /^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? null;
}

/**
 * The actor as it is recorded. Over the socket a `cli:` name is taken as told, anything else gets the prefix `socket:`;
 * over TCP the token's name comes first whatever is told. So nobody can pass for the schedule, a worker or another token.
 */
export function recordedActor(door: Door, told: { readonly who?: string | undefined; readonly why: string }): Actor {
  const who = told.who ?? '';
  if (door.kind === 'tcp') return { who: `api:${door.tokenName}${who === '' ? '' : ` (${who})`}`, why: told.why };
  return { who: who.startsWith('cli:') ? who : `socket:${who === '' ? 'unnamed' : who}`, why: told.why };
}
