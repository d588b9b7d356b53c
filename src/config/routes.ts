/** Which channels a message goes to. */
import { matchesAny } from '../core/pattern.ts';
import type { Severity } from '../core/vocabulary.ts';
import type { ParsedConfig } from './schema.ts';
import type { RouteConfig } from './schema/channels.ts';

/** Whom a message is about: a credential, or (null) an issuer or Keyturn itself. */
export interface Subject {
  readonly credential: string | null;
  readonly owner: string | null;
  /** The credential's own channels, which come before routes. */
  readonly notify?: readonly string[] | undefined;
}

type Routing = Pick<ParsedConfig, 'channels' | 'routes'>;

/**
 * Names of channels, in the order of the file. A credential's `notify` comes before routes; all matching routes apply;
 * without routes it is every channel. What is about no credential is taken by routes that ask for none, and where there
 * is no such route by every channel: better twice than unheard.
 */
export function channelsFor(config: Routing, subject: Subject, severity: Severity): readonly string[] {
  const all = Object.keys(config.channels);
  const { notify } = subject;
  if (notify !== undefined) return all.filter((name) => notify.includes(name));
  if (config.routes === undefined) return all;
  const open = config.routes.filter((route) => takes(route, subject));
  if (subject.credential === null && open.length === 0) return all;
  const named = open.filter((route) => route.severity?.includes(severity) ?? true).flatMap((route) => route.channels);
  return all.filter((name) => named.includes(name));
}

/** Where the daily summary goes, and when it comes. Switched off, its time is only that of the line in the log. */
export function summaryFor(config: Routing & Pick<ParsedConfig, 'summary'>): { readonly at: string; readonly timezone: string; readonly channels: readonly string[] } {
  if (config.summary === 'off') return { at: '08:00', timezone: 'UTC', channels: [] };
  const { at, timezone, channels } = config.summary;
  return { at, timezone, channels: channels ?? channelsFor(config, { credential: null, owner: null }, 'info') };
}

function takes(route: RouteConfig, subject: Subject): boolean {
  return fitsAny(route.credentials, subject.credential) && fitsAny(route.owners, subject.owner);
}

function fitsAny(patterns: readonly string[] | undefined, name: string | null): boolean {
  return patterns === undefined || (name !== null && matchesAny(patterns, name));
}
