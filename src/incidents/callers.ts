/** Who called with the keys that the incident revokes, and whether that was usual. Pure. */
import { networkOf, programOf } from '../core/callers.ts';
import type { Familiar } from '../core/watching.ts';
import type { UsageCaller } from '../ports/usage-ledger.ts';
import type { History, IncidentFacts } from './facts.ts';
import type { ReportedCaller } from './schema.ts';
import { served } from './usage.ts';
import { windowOf } from './window.ts';

type Standing = ReportedCaller['network'];

/** Those that were seen in the window or after it, most requests first. */
export function callersOf(facts: IncidentFacts): readonly ReportedCaller[] {
  const others = otherUse(facts);
  const mine = facts.dying.flatMap((dying) => {
    const { key } = dying;
    if (key === null) return [];
    const { from } = windowOf(dying, facts);
    const callers = facts.usage.callers.filter(({ keyId, lastSeen }) => keyId === key.id && lastSeen >= from);
    const totals = Map.groupBy(callers, ({ source }) => source);
    return callers.map((caller) => report(caller, dying.issuerKeyId, share(caller, totals.get(caller.source) ?? []), facts, others));
  });
  return mine.sort((a, b) => b.requests - a.requests || (a.address + a.program < b.address + b.program ? -1 : 1));
}

function share({ requests }: UsageCaller, all: readonly UsageCaller[]): number {
  const total = all.reduce((sum, caller) => sum + caller.requests, 0);
  return total === 0 ? 0 : requests / total;
}

interface OtherUse {
  /** Networks and programs that other keys of the credential were really used from. */
  readonly networks: ReadonlySet<string>;
  readonly programs: ReadonlySet<string>;
  /** Those of the replacement, by source. */
  readonly replacement: ReadonlyMap<string, readonly UsageCaller[]>;
}

/** Whoever has the replacement reads the stores: it is one of us. */
function otherUse({ usage, dying, recovery }: IncidentFacts): OtherUse {
  const dead = new Set(dying.flatMap(({ key }) => key?.id ?? []));
  const others = usage.callers.filter((caller) => !dead.has(caller.keyId) && served(caller) > 0);
  const replacement = others.filter(({ keyId }) => keyId === recovery?.newKey?.id);
  return {
    networks: new Set(others.map(({ address }) => networkOf(address))),
    programs: new Set(others.map(({ agent }) => programOf(agent))),
    replacement: Map.groupBy(replacement, ({ source }) => source),
  };
}

function report(caller: UsageCaller, issuerKeyId: string, part: number, facts: IncidentFacts, others: OtherUse): ReportedCaller {
  const { source, address, agent, requests, failed, denied, firstSeen, lastSeen } = caller;
  const history = facts.usage.histories.find((one) => one.source === source);
  const [network, program] = [networkOf(address), programOf(agent)];
  const used = others.replacement.get(source);
  return {
    source, issuerKeyId, address, program: agent, requests, failed, denied, share: part,
    firstSeenAt: firstSeen.toISOString(), lastSeenAt: lastSeen.toISOString(),
    network: others.networks.has(network) ? 'known' : standing(network, history?.networks ?? null, history, facts),
    agent: others.programs.has(program) ? 'known' : standing(program, history?.programs ?? null, history, facts),
    usesReplacement: used === undefined ? null : used.some((one) => networkOf(one.address) === network && programOf(one.agent) === program),
  };
}

/**
 * Known: seen before the leak, or while callers were learned. New: seen since. Whoever came while callers were learned may have been a
 * stranger even then, so an earlier leak makes nothing known; and until they are learned, nothing is new.
 */
function standing(name: string, familiar: readonly Familiar[] | null, history: History | undefined, { leak, now }: IncidentFacts): Standing {
  if (name === '' || familiar === null || history?.ripeAt == null || history.ripeAt > now) return 'unknown';
  const leakedAt = leak?.earliestAt ?? history.ripeAt;
  if (leakedAt < history.ripeAt) return 'unknown';
  const found = familiar.find((one) => one.name === name);
  return found !== undefined && found.first < leakedAt.getTime() ? 'known' : 'new';
}

/** It really used the key, and not as it is usually used. */
export function isStranger({ network, agent, requests, denied }: ReportedCaller): boolean {
  return requests > denied && (network === 'new' || agent === 'new');
}
