/** When a credential falls due. Pure; defined in words, with examples, in docs/policies.md. */
import { createHash } from 'node:crypto';
import type { RotationPolicy } from './plan.ts';
import { lastOccurrence, nextOccurrence } from './schedule.ts';

/** What of a policy decides about time. */
export type Timing = Pick<RotationPolicy, 'cron' | 'timezone' | 'everyMs' | 'jitterMs'>;

export interface DueFacts {
  readonly credential: string;
  /** When its current key became current by a rotation, whoever asked for it; null when none ever did. */
  readonly lastRotatedAt: Date | null;
  /** Stands in for it: the creation of an adopted key, or when the credential was first declared. */
  readonly createdAt: Date;
}

export interface Occurrence {
  /** The instant of the schedule, without jitter: what makes an occurrence unique, also when jitter is configured anew. */
  readonly occurrence: Date;
  /** The same with this credential's jitter: when it is to be acted upon. */
  readonly dueAt: Date;
}

/** The first due instant after `after` that the last rotation did not answer; null when rotated only by hand. */
export function nextDue(policy: Timing, facts: DueFacts & { readonly after: Date }): Date | null {
  const schedule = scheduleOf(policy, facts);
  if (schedule === null) return null;
  const after = facts.after.getTime();
  const past = schedule.last(after);
  const jittered = past === null ? null : dueAt(policy, facts, schedule, past);
  if (jittered !== null && jittered > after) return new Date(jittered);
  const next = schedule.next(after);
  return next === null ? null : new Date(dueAt(policy, facts, schedule, next));
}

/**
 * The occurrence that is due at `now`, or null. However many were missed there is one: the latest whose due instant
 * has passed. An occurrence at or before the last rotation is answered.
 */
export function occurrenceDue(policy: Timing, facts: DueFacts, now: Date): Occurrence | null {
  const schedule = scheduleOf(policy, facts);
  if (schedule === null) return null;
  let at = schedule.last(now.getTime());
  while (at !== null) {
    const due = dueAt(policy, facts, schedule, at);
    if (due <= now.getTime()) return { occurrence: new Date(at), dueAt: new Date(due) };
    at = schedule.last(at - 1);
  }
  return null;
}

/** Occurrences after the last rotation, milliseconds since the epoch. */
interface Schedule {
  /** The first after this instant. */
  next(after: number): number | null;
  /** The last at or before this instant. */
  last(until: number): number | null;
}

function scheduleOf(policy: Timing, facts: DueFacts): Schedule | null {
  const base = (facts.lastRotatedAt ?? facts.createdAt).getTime();
  if (policy.cron !== null) return cronSchedule(policy.cron, policy.timezone, base);
  return policy.everyMs === null ? null : ageSchedule(policy.everyMs, base);
}

function cronSchedule(cron: string, zone: string, base: number): Schedule {
  return {
    next: (after) => nextOccurrence(cron, zone, Math.max(after, base)),
    last(until) {
      const at = lastOccurrence(cron, zone, until);
      return at !== null && at > base ? at : null;
    },
  };
}

/** At each whole multiple of the age: after `every` it is due, and a run that failed is due again after another. */
function ageSchedule(everyMs: number, base: number): Schedule {
  return {
    next: (after) => base + everyMs * Math.max(1, Math.floor((after - base) / everyMs) + 1),
    last(until) {
      const times = Math.floor((until - base) / everyMs);
      return times < 1 ? null : base + everyMs * times;
    },
  };
}

function dueAt(policy: Timing, facts: DueFacts, schedule: Schedule, occurrence: number): number {
  if (policy.jitterMs === 0) return occurrence;
  const following = schedule.next(occurrence);
  const room = following === null ? Number.POSITIVE_INFINITY : following - occurrence;
  return occurrence + Math.floor(share(facts.credential) * Math.min(policy.jitterMs + 1, room));
}

/** 0 to below 1, always the same for one credential: half a hash, as exact as a double. */
function share(credential: string): number {
  return createHash('sha256').update(`keyturn/jitter/${credential}`).digest().readUIntBE(0, 6) / 2 ** 48;
}
