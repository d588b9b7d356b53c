/**
 * Names inside one secret: which staging labels mark what, and which version id a write gets. All pure.
 *
 * Two credentials may be two fields of one secret, so every label of ours carries the place (a digest of the field).
 * It also carries the attempt, in letters, digits, `-` and `_` only, so that a later read can tell whose it is.
 */
import { createHash } from 'node:crypto';
import { KeyturnError } from '../../core/errors.ts';

export const CURRENT = 'AWSCURRENT';
export const PREVIOUS = 'AWSPREVIOUS';
export const PENDING = 'AWSPENDING';

/** AWS allows 256 characters a label. */
const MAX_LABEL = 256;
const STAGED = 'keyturn-staged-';
const DISPLACED = 'keyturn-displaced-';

/** A field (or the whole secret, null) as it appears in labels and tokens. */
export type PlaceId = string;

export function placeId(field: string | null): PlaceId {
  return digest(field === null ? 'whole' : `field:${field}`).slice(0, 8);
}

export function stagedLabel(place: PlaceId, attempt: string): string {
  return label(STAGED, place, attempt);
}

export function displacedLabel(place: PlaceId, attempt: string): string {
  return label(DISPLACED, place, attempt);
}

/** The attempt of a staged label of this place, or null for any other label. */
export function stagedAttempt(place: PlaceId, name: string): string | null {
  return attemptIn(`${STAGED}${place}-`, name);
}

/** The attempt of a displaced label of this place, or null for any other label. */
export function displacedAttempt(place: PlaceId, name: string): string | null {
  return attemptIn(`${DISPLACED}${place}-`, name);
}

/** True for a pending version that some Keyturn store staged, whichever field it was for. */
export function isKeyturnStaged(labels: readonly string[]): boolean {
  return labels.some((name) => name.startsWith(STAGED));
}

/** The id of the version that a write of `attempt` on top of `base` makes: the same write again is the same version. */
export function versionToken(attempt: string, place: PlaceId, base: string): string {
  return uuid(`${attempt}\n${place}\n${base}`);
}

/**
 * The version that fills a secret which has none. AWS makes the first version of a secret current whatever labels
 * are asked for, and never lets go of AWSCURRENT, so nothing could be staged without it. It holds `{}`, no key.
 */
export const PLACEHOLDER_VERSION = uuid('keyturn/placeholder/1');
export const PLACEHOLDER_TEXT = '{}';
export const PLACEHOLDER_LABEL = 'keyturn-placeholder';

function label(prefix: string, place: PlaceId, attempt: string): string {
  const name = `${prefix}${place}-${encode(attempt)}`;
  if (name.length > MAX_LABEL) {
    throw new KeyturnError('INTERNAL', `The attempt name is too long for a staging label (${name.length} of ${MAX_LABEL} characters).`, { effect: 'none' });
  }
  return name;
}

function attemptIn(prefix: string, name: string): string | null {
  return name.startsWith(prefix) ? decode(name.slice(prefix.length)) : null;
}

function encode(attempt: string): string {
  return attempt.replace(/[^A-Za-z0-9-]/gu, (char) =>
    Array.from(Buffer.from(char), (byte) => `_${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

function decode(encoded: string): string {
  const bytes = encoded.replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function uuid(text: string): string {
  const hex = digest(text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
