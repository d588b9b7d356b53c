/** With which keys something was done: what a response to a finding goes by. Pure. */
import type { UsageCaller } from '../../ports/usage-ledger.ts';
import { accepted } from '../scan/minutes.ts';
import type { Sight } from '../scan/sight.ts';

/** More are not named: that many at once is no theft of a key. */
const MOST_NAMED = 5;

/** Of these callers, the keys that were served, the most used first. */
export function keysOfCallers(callers: readonly UsageCaller[]): readonly string[] {
  const used = new Map<string, number>();
  for (const caller of callers) used.set(caller.keyId, (used.get(caller.keyId) ?? 0) + accepted(caller));
  return ranked(used);
}

/** Keys that were served in these minutes, the most used first. */
export function keysInMinutes({ byKey }: Pick<Sight, 'byKey'>, counts: (minute: number) => boolean): readonly string[] {
  const used = new Map<string, number>();
  for (const [key, minutes] of byKey) for (const [at, sum] of minutes) if (counts(at)) used.set(key, (used.get(key) ?? 0) + accepted(sum));
  return ranked(used);
}

function ranked(used: ReadonlyMap<string, number>): readonly string[] {
  return [...used].filter(([, requests]) => requests > 0).sort(([a, most], [b, more]) => more - most || (a < b ? -1 : 1)).slice(0, MOST_NAMED).map(([key]) => key);
}
