/** What plug-ins share that take what others post: proving who sent it, and reading it only then. */
import { createHmac } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { sameText, type Secret } from '../core/secret.ts';

/** One answer for every reason, and for a source that does not exist: nobody learns which it was. */
export function notAuthentic(): KeyturnError {
  return new KeyturnError('UNAUTHENTICATED', 'This leak source does not exist, or the signature does not prove that the delivery is from it, whole and recent.', {
    todo: 'Check the name of the source in the address, the secret or key that it is signed with, and the clock of the sender.', effect: 'none',
  });
}

/** Whether `given`, hex, is the HMAC-SHA-256 of these bytes; in constant time. */
export function isMacOf(given: string, key: string, ...parts: readonly (string | Buffer)[]): boolean {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return sameText(mac.digest('hex'), given.toLowerCase());
}

/** Whether that instant is no farther from now than `toleranceMs`, in either direction. */
export function isRecent(at: Date, now: Date, toleranceMs: number): boolean {
  return Math.abs(now.getTime() - at.getTime()) <= toleranceMs;
}

/** The JSON of a body. Throws USAGE, without a word of what it holds. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw notOfFormat('is no JSON');
  }
}

export function notOfFormat(what: string): KeyturnError {
  return new KeyturnError('USAGE', `The body ${what}.`, { todo: 'Compare it with the format in docs/leaks.md.', effect: 'none' });
}

/** An instant as ISO text; null for what is none. */
export function instantOf(text: unknown): Date | null {
  const at = typeof text === 'string' ? new Date(text) : null;
  return at === null || Number.isNaN(at.getTime()) ? null : at;
}

export const textOf = (value: unknown): string | null => (typeof value === 'string' && value.trim() !== '' ? value : null);

export type ReadSecret = () => Promise<Secret> | Secret;
