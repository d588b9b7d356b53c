/**
 * Single fields of a record of usage, read with care: the one place that says how long, how odd and how old they may be. What
 * can't be used is null; nothing here throws, whatever it is given.
 */
import { scrub } from './secret.ts';
import { MAX_ADDRESS, MAX_AGENT, MAX_CLUE, MAX_PREFIX, type ClueKind, type UsageOutcome } from './usage.ts';

/** Controls (C0, C1), what turns or hides text (bidi, zero width), and line separators: not one of them is worth keeping. */
// oxlint-disable-next-line eslint/no-control-regex -- they are what this is about
const UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/g;
/** A long run of letters and digits with a digit in it is more likely a token than a word. */
const TOKEN = /[A-Za-z0-9_]{24,}/g;
const LONGEST_VALUE = 4_096;
const MOST_REQUESTS = 1_000_000_000;
const DENIED: readonly number[] = [401, 403];

/** One line of at most `max` characters, without controls, without registered secrets and what looks like a token. */
export function shownText(text: string, max: number): string {
  // Cut first, so that a megabyte costs no more than a line; once more after, as masking may lengthen it.
  const clean = text.slice(0, 4 * max).toWellFormed().replace(UNSHOWABLE, ' ').trim();
  const masked = scrub(clean).replace(TOKEN, (run) => (/\d/.test(run) ? `${run.slice(0, 4)}…` : run));
  return masked.slice(0, max).replace(/[\ud800-\udbff]$/, '').trim();
}

/** The caller's address as the source wrote it, without a port; null where it tells none. */
export function addressOf(told: unknown): string | null {
  if (typeof told !== 'string') return null;
  const text = shownText(told, MAX_ADDRESS);
  const bare = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? /^\[([0-9a-fA-F:.%]+)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  return bare === '' || bare === '-' ? null : bare.replace(/^::ffff:(?=\d+\.)/i, '');
}

export function agentOf(told: unknown): string | null {
  if (typeof told !== 'string') return null;
  const text = shownText(told, MAX_AGENT);
  return text === '' || text === '-' ? null : text;
}

export type ToldClue = { readonly clue: string } | { readonly none: true } | { readonly problem: string };

/**
 * The clue that a field tells. `none` where nothing is told (`-`, empty, missing): no key was shown. A `value` goes through
 * `fingerprint` and nowhere else.
 */
export function clueOf(kind: ClueKind, told: unknown, fingerprint: (value: string) => string): ToldClue {
  const text = typeof told === 'number' ? String(told) : told;
  if (text === undefined || text === null || text === '' || text === '-') return { none: true };
  if (typeof text !== 'string') return { problem: 'the key is no text' };
  if (kind === 'value') return valueClue(text, fingerprint);
  const given = text.slice(0, LONGEST_VALUE).trim();
  if (given === '') return { none: true };
  if (!/^[\x21-\x7e]+$/.test(given)) return { problem: 'the key holds blanks or control characters' };
  if (kind === 'prefix') return { clue: given.slice(0, MAX_PREFIX) };
  if (kind === 'fingerprint') return /^[0-9a-f]{64}$/i.test(given) ? { clue: given.toLowerCase() } : { problem: 'the key is no fingerprint of Keyturn’s' };
  if (given.length > MAX_CLUE) return { problem: `the key is longer than ${MAX_CLUE} characters` };
  return scrub(given) === given ? { clue: given } : { problem: 'a key’s value stands where its id should be' };
}

function valueClue(text: string, fingerprint: (value: string) => string): ToldClue {
  const value = text.trim().replace(/^(?:bearer|token|apikey)\s+/i, '');
  if (value === '') return { none: true };
  if (value.length > LONGEST_VALUE) return { problem: 'the key is too long' };
  return { clue: fingerprint(value) };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * An instant as logs write it: ISO 8601 (without a zone it is UTC), `10/Oct/2026:13:55:36 +0200`, or a number since the epoch
 * in seconds, milliseconds, microseconds or nanoseconds, by its size.
 */
export function instantOf(told: unknown): Date | null {
  if (typeof told === 'number') return fromEpoch(told);
  if (typeof told !== 'string' || told.length > 64) return null;
  const text = told.trim();
  if (/^\d{9,20}(\.\d+)?$/.test(text)) return fromEpoch(Number(text));
  const common = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/.exec(text);
  if (common !== null) return fromCommon(common);
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) return null;
  const iso = text.replace(' ', 'T').replace(/ ?([+-]\d\d)(\d\d)$/, '$1:$2');
  return dated(Date.parse(/(?:[zZ]|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`));
}

function fromCommon([, day, month, year, time, hours, minutes]: readonly (string | undefined)[]): Date | null {
  const number = MONTHS.indexOf(month ?? '') + 1;
  return number === 0 ? null : dated(Date.parse(`${year}-${String(number).padStart(2, '0')}-${day}T${time}${hours}:${minutes}`));
}

function fromEpoch(number: number): Date | null {
  if (number < 1e8) return null;
  if (number < 1e11) return dated(Math.floor(number * 1_000));
  if (number < 1e14) return dated(Math.floor(number));
  return dated(Math.floor(number < 1e17 ? number / 1e3 : number / 1e6));
}

function dated(ms: number): Date | null {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms) : null;
}

/** A number of requests: whole, from 1 on; one where none is told. Null for anything else. */
export function requestsOf(told: unknown): number | null {
  if (told === undefined || told === null || told === '' || told === '-') return 1;
  const number = typeof told === 'string' && /^\d{1,12}$/.test(told) ? Number(told) : told;
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= MOST_REQUESTS ? number : null;
}

/** A status of HTTP, also as text; 0 and 000 are requests that got no answer. */
export function statusOf(told: unknown): number | null {
  const number = typeof told === 'string' && /^\d{1,3}$/.test(told.trim()) ? Number(told) : told;
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 999 ? number : null;
}

export function outcomeOf(status: number, denied: readonly number[] = DENIED): UsageOutcome {
  if (denied.includes(status)) return 'denied';
  return status >= 400 || status < 100 ? 'failed' : 'ok';
}

/** The member at a dotted path; a name that holds dots itself is found as it is. Undefined where there is none. */
export function memberAt(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  let here: unknown = value;
  for (const step of path.split('.')) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string, unknown>)[step];
  }
  return here;
}
