import { createHmac } from 'node:crypto';
import type { AuditEvent } from '../ports/ledger.ts';

/** Where `meta` keeps the chain's end. */
export const HEAD_KEY = 'audit.head';
/** The hash before the first event. */
export const GENESIS = '0'.repeat(64);

/** The chain's end as the ledger records it; `mac` keeps anyone without the key from moving it. */
export interface ChainHead {
  readonly pos: number;
  readonly hash: string;
  readonly mac: string;
}

/** JSON with keys in order at every depth: the same value always gives the same text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Hex HMAC-SHA-256 over the event, its place and the hash before it. */
export function chainHash(key: Buffer, previous: string, event: AuditEvent): string {
  const { hash: _hash, ...content } = event;
  return createHmac('sha256', key).update(canonical({ previous, event: content })).digest('hex');
}

export function chainHead(key: Buffer, pos: number, hash: string): ChainHead {
  return { pos, hash, mac: createHmac('sha256', key).update(canonical({ head: { pos, hash } })).digest('hex') };
}

export function isChainHead(key: Buffer, head: ChainHead): boolean {
  return chainHead(key, head.pos, head.hash).mac === head.mac;
}
