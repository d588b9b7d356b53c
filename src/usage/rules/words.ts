/** Words that the rules share. Pure. */
import { keyLabel, listed } from '../../core/phrases.ts';
import type { UsageCaller } from '../../ports/usage-ledger.ts';
import type { Sight } from '../scan/sight.ts';

const NAMED = 5;

/** `1,900`. */
export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `2026-03-04 10:15 UTC`. */
export function moment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `10.0.0.7 (curl/8.5), 10.0.0.9 and 3 more`; what neither tells an address nor an agent is nobody. */
export function callersText(callers: readonly UsageCaller[]): string {
  const names = [...new Set(callers.map(({ address, agent }) => (agent === '' ? address : `${address === '' ? 'unknown address' : address} (${agent})`)))].filter((name) => name !== '');
  if (names.length === 0) return 'the source does not tell';
  return listed(names.length > NAMED ? [...names.slice(0, NAMED), `${names.length - NAMED} more`] : names);
}

/** Facts that every finding of usage shows. */
export function factsOf({ record, keys, source, callers }: Sight, about: Readonly<Record<string, string>> = {}): Record<string, string> {
  const current = keys.find(({ id }) => id === record.currentKeyId);
  return {
    ...about,
    ...(current === undefined ? {} : { 'Current key': keyLabel(current) }),
    'Last rotation': record.lastRotatedAt === null ? 'never by Keyturn' : moment(record.lastRotatedAt.getTime()),
    ...(callers.length === 0 ? {} : { 'Used lately by': callersText(callers) }),
    'Seen by': source,
  };
}

/** What to do where somebody may use the key who should not. */
export function ifStolen(credential: string): string {
  return `If nobody of you does this, the key has leaked: \`keyturn revoke ${credential} --emergency --reason "…"\`.`;
}

export function lookAtUsage(credential: string): string {
  return `See who calls, and since when: \`keyturn usage ${credential}\`.`;
}
