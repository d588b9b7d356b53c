/** What the keys did that is not usual for their credential. Pure. */
import { duration } from '../core/phrases.ts';
import { isStranger } from './callers.ts';
import type { History, IncidentFacts, ScopeUse } from './facts.ts';
import type { IncidentReport, ReportedCaller } from './schema.ts';
import type { CountedKey } from './usage.ts';
import { callerText, moment, number, outside, percent, requests } from './words.ts';

type Remark = IncidentReport['standsOut'][number];

/** Settled before it is shown, so that a burst right before the end still counts. */
const AROUND_MS = 900_000;

export function standsOut(facts: IncidentFacts, window: IncidentReport['window'], callers: readonly ReportedCaller[], counted: readonly CountedKey[]): Remark[] {
  return [
    ...counted.filter(({ usedAfter }) => usedAfter > 0).map(usedAfterDeath),
    ...callers.filter(isStranger).map(stranger),
    ...facts.usage.histories.flatMap((history) => [...burst(history, window), ...awoken(history, window)]),
    ...(facts.usage.scopes ?? []).filter(({ refused }) => refused > 0).map(beyondScopes),
    ...counted.filter(({ refusedAfter }) => refusedAfter > 0).map(triedAfterDeath),
  ];
}

function usedAfterDeath({ source, usedAfter }: CountedKey): Remark {
  return { what: 'used_after_revocation', source, at: null, text: `${requests(usedAfter)} were served after the key had been revoked, as ${outside(source)} tells: the issuer accepts a dead key, or the clock of this source is wrong.` };
}

function triedAfterDeath({ source, refusedAfter }: CountedKey): Remark {
  return { what: 'tried_after_revocation', source, at: null, text: `${requests(refusedAfter)} were refused after the key had been revoked, as ${outside(source)} tells: applications that had not read the replacement yet, or whoever has the leaked key.` };
}

function beyondScopes({ source, scope, refused, firstSeen }: ScopeUse): Remark {
  const at = firstSeen.toISOString();
  return { what: 'beyond_scopes', source, at, text: `${requests(refused)} asked for ${outside(scope)}, which the key was not allowed, as ${outside(source)} tells: somebody tried what else it could do, or an application asks for too much.` };
}

function stranger(caller: ReportedCaller): Remark {
  const { source, firstSeenAt, network, agent, share } = caller;
  const what = network === 'new' && agent === 'new' ? 'neither its network nor its program was' : network === 'new' ? 'its network was never' : 'its program was never';
  return {
    what: network === 'new' ? 'new_network' : 'new_program', source, at: firstSeenAt,
    text: `${callerText(caller)} used the key for ${requests(caller.requests)} (${percent(share)}) since ${moment(firstSeenAt)}; ${what} seen with this credential before.`,
  };
}

function within(at: number, { from, until }: IncidentReport['window']): boolean {
  return at >= Date.parse(from) && at <= Date.parse(until) + AROUND_MS;
}

function burst({ source, peak }: History, window: IncidentReport['window']): Remark[] {
  if (peak === null || peak.actual <= peak.high || !within(peak.at, window)) return [];
  const at = new Date(peak.at).toISOString();
  const span = peak.minutes === 1 ? 'one minute' : `${peak.minutes} minutes`;
  return [{ what: 'unusual_traffic', source, at, text: `${requests(peak.actual)} within ${span} up to ${moment(at)}, where ${number(peak.low)} to ${number(peak.high)} are usual at that hour of the week.` }];
}

function awoken({ source, woke }: History, window: IncidentReport['window']): Remark[] {
  if (woke === null || !within(woke.at, window)) return [];
  const at = new Date(woke.at).toISOString();
  return [{ what: 'woke', source, at, text: `It was used again at ${moment(at)} after ${duration(woke.silentMs)} of silence.` }];
}
