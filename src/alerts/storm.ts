/**
 * Storm control: in any minute a channel gets at most `perMinute` first messages of incidents. All but one of them are
 * for single incidents, the worst first; what is more goes into one digest, a message that changes. Pure.
 */
import type { ChannelStorm, Digest } from '../core/alert.ts';
import { minutes } from '../core/duration.ts';
import { SEVERITY_RANK } from '../core/finding.ts';
import type { Severity } from '../core/vocabulary.ts';

const MINUTE_MS = minutes(1);

/** An incident that has no message of its own in the channel yet. */
export interface Newcomer {
  readonly incident: string;
  readonly severity: Severity;
  /** It is in a digest already, and wants a message of its own since it got worse. */
  readonly digest: string | null;
}

export interface Admission {
  readonly state: ChannelStorm;
  /** Incidents that get a message of their own. */
  readonly single: ReadonlySet<string>;
  /** The digest that each of the others is in. */
  readonly digested: ReadonlyMap<string, string>;
}

export function calm(channel: string): ChannelStorm {
  return { channel, version: 0, singles: [], digests: [] };
}

/** Within a minute of each other, whichever way a clock jumped. */
export function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < MINUTE_MS;
}

/** While a storm lasts only what is critical gets a message of its own. `newId` is called at most once. */
export function admit(state: ChannelStorm, newcomers: readonly Newcomer[], now: number, perMinute: number, newId: () => string): Admission {
  const recent = state.singles.filter((at) => isNear(at, now));
  const last = state.digests.at(-1);
  const storming = last !== undefined && isNear(last.lastAt, now);
  const places = Math.max(0, perMinute - 1 - recent.length);
  const worstFirst = [...newcomers].sort((a, b) => SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity]);
  const single = (storming ? worstFirst.filter(({ severity }) => severity === 'critical') : worstFirst).slice(0, places);
  const chosen = new Set(single.map(({ incident }) => incident));
  const rest = worstFirst.filter(({ incident }) => !chosen.has(incident));
  const added = rest.filter(({ digest }) => digest === null);
  const digest = added.length === 0 ? null : grown(storming ? last : fresh(newId(), now), added, now);
  const digests = state.digests.map((one) => (newcomers.some((newcomer) => newcomer.digest === one.id) ? { ...one, dirty: true } : one)).filter((one) => one.id !== digest?.id);
  return {
    state: { ...state, singles: [...recent, ...single.map(() => now)], digests: digest === null ? digests : [...digests, digest] },
    single: chosen,
    digested: new Map(rest.map(({ incident, digest: already }) => [incident, already ?? digest?.id ?? ''])),
  };
}

function fresh(id: string, now: number): Digest {
  return { id, openedAt: now, lastAt: now, saidAt: null, dirty: true, total: 0, bySeverity: { info: 0, warning: 0, critical: 0 } };
}

function grown(digest: Digest, added: readonly Newcomer[], now: number): Digest {
  const bySeverity = { ...digest.bySeverity };
  for (const { severity } of added) bySeverity[severity] += 1;
  return { ...digest, lastAt: now, dirty: true, total: digest.total + added.length, bySeverity };
}
