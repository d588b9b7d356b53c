/** Networks and programs that a credential is used from, as they are learned. Pure. */
import { networkOf, programOf } from '../../core/callers.ts';
import { days } from '../../core/duration.ts';
import type { Familiar, WatchRecord } from '../../core/watching.ts';
import type { UsageCaller } from '../../ports/usage-ledger.ts';
import { accepted } from './minutes.ts';

/** Kept of each. A credential that fills a list is used from everywhere, and nothing is new to it. */
export const MOST_NETWORKS = 64;
export const MOST_AGENTS = 32;
/** What was not seen for so long is new again. */
const FORGET_MS = days(90);

/** Takes in who called. Attempts that were refused teach nothing: whoever tries keys out must not become familiar. */
export function learn(memory: WatchRecord, callers: readonly UsageCaller[], shown: number): WatchRecord {
  const served = callers.filter((caller) => accepted(caller) > 0);
  return {
    ...memory,
    networks: familiar(memory.networks, served.map((caller) => [networkOf(caller.address), caller] as const), { most: MOST_NETWORKS, shown }),
    agents: familiar(memory.agents, served.map((caller) => [programOf(caller.agent), caller] as const), { most: MOST_AGENTS, shown }),
  };
}

function familiar(known: readonly Familiar[], seen: readonly (readonly [string, UsageCaller])[], { most, shown }: { readonly most: number; readonly shown: number }): readonly Familiar[] {
  const all = new Map(known.map((one) => [one.name, one]));
  for (const [name, { firstSeen, lastSeen }] of seen) {
    if (name === '') continue;
    const before = all.get(name);
    const last = Math.min(lastSeen.getTime(), shown);
    all.set(name, before === undefined ? { name, first: Math.min(firstSeen.getTime(), last), last } : { ...before, last: Math.max(before.last, last) });
  }
  return [...all.values()].filter(({ last }) => shown - last < FORGET_MS).sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1)).slice(0, most);
}
