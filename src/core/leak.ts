/** What becomes of a reported leak. Pure. */
import type { DebtCause, KeyRecord } from './vocabulary.ts';

/**
 * emergency: the credential's current key, which is revoked and replaced. older_key: it is revoked, and there is nothing to replace.
 * already_condemned, already_revoked: nothing is left to do. told: people were told, and nothing is revoked. unmanaged: it looks like a
 * key of one of our issuers, and Keyturn does not know it. unknown: no key of ours. unreadable: where it was said to be, it is not.
 */
export const LEAK_OUTCOMES = ['emergency', 'older_key', 'already_condemned', 'already_revoked', 'told', 'unmanaged', 'unknown', 'unreadable'] as const;
export type LeakOutcome = (typeof LEAK_OUTCOMES)[number];

/** What a leak source may cause. */
export type LeakResponse = 'revoke' | 'tell';

/** Of a secret's value: SHA-256, or the hash of GitGuardian's HasMySecretLeaked. Both as hex. */
export type LeakHash = 'sha256' | 'hmsl';

export interface LeakFacts {
  /** The key whose value leaked; null for one that the ledger does not know. */
  readonly key: Pick<KeyRecord, 'state' | 'proven'> | null;
  /** Why the key is to die, while a debt of it is open. */
  readonly debt: DebtCause | null;
  /** Whether the key's credential is declared today. */
  readonly declared: boolean;
  readonly respond: LeakResponse;
  /** Issuers whose keys look so; null for none. */
  readonly looksLike: string | null;
  /** What a worker that died had set out to do. */
  readonly intent: LeakOutcome | null;
}

export interface LeakDecision {
  readonly outcome: LeakOutcome;
  readonly act: 'emergency' | 'nothing';
}

const dead = ({ key }: LeakFacts): boolean => key?.state === 'revoked' || key?.state === 'lost';
const dying = ({ key, debt }: LeakFacts): boolean => key?.state === 'condemned' && debt === 'emergency';
/** Or about to be. */
const serving = ({ key }: LeakFacts): boolean => key?.state === 'current' || key?.state === 'staged';

/** The first that fits says it. A key that is condemned for another reason waits for evidence, and a leaked one must not. */
const ROWS: readonly { readonly when: (facts: LeakFacts) => boolean; readonly gives: (facts: LeakFacts) => LeakDecision }[] = [
  { when: ({ key, looksLike }) => key === null && looksLike !== null, gives: () => ({ outcome: 'unmanaged', act: 'nothing' }) },
  { when: ({ key }) => key === null, gives: () => ({ outcome: 'unknown', act: 'nothing' }) },
  { when: (facts) => facts.intent !== null && (dead(facts) || dying(facts)), gives: ({ intent }) => ({ outcome: intent ?? 'already_revoked', act: 'nothing' }) },
  { when: dead, gives: () => ({ outcome: 'already_revoked', act: 'nothing' }) },
  { when: dying, gives: () => ({ outcome: 'already_condemned', act: 'nothing' }) },
  { when: ({ key, respond }) => respond === 'tell' || key?.proven === false, gives: () => ({ outcome: 'told', act: 'nothing' }) },
  { when: (facts) => serving(facts) && facts.declared, gives: () => ({ outcome: 'emergency', act: 'emergency' }) },
  { when: () => true, gives: () => ({ outcome: 'older_key', act: 'emergency' }) },
];

export function decideLeak(facts: LeakFacts): LeakDecision {
  const row = ROWS.find(({ when }) => when(facts));
  if (row === undefined) throw new Error('the last row fits everything');
  return row.gives(facts);
}

const LONGEST_PLACE = 500;
const LONGEST_DETAIL = 100;
const MASK = '[secret]';

/**
 * Where a leak was found, fit to be kept: one line, bounded, without what leaked (a link may hold it), and of an address neither
 * user nor query. Null for nothing.
 */
export function leakPlace(written: string | null, value: string | null): string | null {
  if (written === null) return null;
  const url = /^https?:/i.test(written.trim()) ? URL.parse(written.trim()) : null;
  if (url !== null) Object.assign(url, { username: '', password: '', search: '' });
  return bounded(without(url?.href ?? written, value), LONGEST_PLACE);
}

/** A few words on a leak, fit to be kept. */
export function leakDetail(written: string | null, value: string | null): string | null {
  return written === null ? null : bounded(without(written, value), LONGEST_DETAIL);
}

function without(text: string, value: string | null): string {
  if (value === null || value === '') return text;
  return [value, encodeURIComponent(value)].reduce((left, form) => left.replaceAll(form, MASK), text);
}

function bounded(text: string, longest: number): string | null {
  const line = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  if (line === '') return null;
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}
