/** Names of keys. A minted key's name tells its credential to people and its attempt to Keyturn. */
import { createHash } from 'node:crypto';

/** Longest name that Keyturn asks an issuer for. */
export const MAX_KEY_NAME = 64;

const MARK = 'kt';
const TOKEN_LENGTH = 10;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const ATTEMPT_NAME = new RegExp(`^(.+)-${MARK}-([a-z0-9]+)-([${ALPHABET}]{${TOKEN_LENGTH}})$`);

export interface AttemptName {
  /** The key name declared for the credential, cut where the whole would be too long. */
  readonly base: string;
  readonly installation: string;
  /** Tells rotation and attempt apart. */
  readonly token: string;
}

/**
 * The name of one attempt's key: `prod-api-server-kt-k7f3ab-9x2m4q1c7d`. The same inputs always give the same name; two
 * attempts of an installation never share one (the token holds 50 bits of a hash). At most 64 characters: a long base
 * is cut. `installation` is lower-case letters and digits.
 */
export function attemptName(base: string, installation: string, rotationId: string, attempt: number): string {
  return `${attemptBase(base, installation)}-${MARK}-${installation}-${token(rotationId, attempt)}`;
}

/** `base` as it stands in the names of this installation's keys: a long one is cut. */
export function attemptBase(base: string, installation: string): string {
  const suffixLength = `-${MARK}-${installation}-`.length + TOKEN_LENGTH;
  return base.slice(0, MAX_KEY_NAME - suffixLength).replace(/[^A-Za-z0-9]+$/, '');
}

/** The parts of a name that some installation of Keyturn gave, or null for any other name. */
export function parseAttemptName(name: string): AttemptName | null {
  const [, base, installation, token] = ATTEMPT_NAME.exec(name) ?? [];
  return base === undefined || installation === undefined || token === undefined ? null : { base, installation, token };
}

const WORDS = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
const DATE_FIRST = /^\d{4}-(\d+)(?:-(\d+)(?=-|$))?(?:-(.+))?$/;

/**
 * Why a name keeps none of HyperMemory's documented conventions, or null: `{env}-{service}` (prod-api-server),
 * `{team}-{purpose}` (backend-ci-testing), `{date}-{name}` (2026-03-agent-v2). Names given by Keyturn are judged by
 * their base. Source: hypermemory's public guide on API keys.
 */
export function conventionProblem(name: string): string | null {
  const base = parseAttemptName(name)?.base ?? name;
  const why = breach(base);
  return why === null ? null : `The name "${base}" ${why}; the conventions are {env}-{service}, {team}-{purpose} and {date}-{name}, as prod-api-server, backend-ci-testing and 2026-03-agent-v2.`;
}

function breach(base: string): string | null {
  if (base === '') return 'is empty';
  if (!base.includes('-')) return 'is a single word';
  if (!WORDS.test(base)) return 'is not lower-case words joined by single hyphens';
  if (!/^\d/.test(base)) return null;
  const [, month, day, rest] = DATE_FIRST.exec(base) ?? [];
  if (month === undefined || !within(month, 12) || (day !== undefined && !within(day, 31))) return 'begins with digits that are no date (YYYY-MM or YYYY-MM-DD)';
  return rest === undefined ? 'is a date without a name' : null;
}

function within(digits: string, most: number): boolean {
  return digits.length === 2 && Number(digits) >= 1 && Number(digits) <= most;
}

function token(rotationId: string, attempt: number): string {
  const bytes = createHash('sha256').update(`${rotationId}/${attempt}`).digest();
  return Array.from(bytes.subarray(0, TOKEN_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
