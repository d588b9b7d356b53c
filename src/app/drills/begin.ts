/** Beginning drills: as people ask, and as policies say. */
import { join } from 'node:path';
import { ulid } from 'ulid';
import { drillRefused } from '../../alerts/drill-notices.ts';
import { drillPlan } from '../../core/drill.ts';
import { KeyturnError } from '../../core/errors.ts';
import { occurrenceDue } from '../../core/policy.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { DrillSchedule, NewDrill } from '../../ports/drill-ledger.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import { declared } from '../changes.ts';
import type { Context } from '../context.ts';
import { drillsFolder } from './folder.ts';
import { obstacles, type Obstacle } from './obstacles.ts';
import { told } from './tell.ts';

export type Beginning = Pick<Context, 'ledger' | 'drills' | 'engine' | 'config'>;

const SCHEDULE: Actor = { who: 'schedule', why: 'due by policy' };

/** See `DrillChanges.beginDrill`. Answers the id. */
export async function beginDrill(context: Context, credential: string, actor: Actor): Promise<string> {
  const record = await declared(context, credential);
  const [obstacle] = await obstacles(context, record);
  if (obstacle !== undefined) throw blocked(obstacle);
  const drill = newDrill(record, actor, null);
  const begun = await begin(context, record, drill);
  if (begun.outcome === 'begun') return begun.drill.id;
  throw blocked({ why: `Another drill began at ${record.issuer} in the same moment.`, todo: 'Try again once it is over; `keyturn drills` shows it.', code: 'BLOCKED' });
}

function blocked({ why, todo, code }: Omit<Obstacle, 'scheduled'>): KeyturnError {
  return new KeyturnError(code, `${why} No drill was begun.`, { effect: 'none', todo });
}

/** At most one an issuer; what is in the way of one and goes by itself is waited for, what does not is told, and answers the occurrence. */
export async function beginDue(context: Beginning, signal: AbortSignal): Promise<void> {
  const { drills, ledger } = context;
  const busy = new Set((await drills.drills({ open: true }, { limit: 1_000 })).map(({ issuer }) => issuer));
  const now = await ledger.now();
  for (const schedule of await drills.schedules()) {
    if (signal.aborted) return;
    const due = busy.has(schedule.issuer) ? null : occurrenceOf(schedule, now);
    if (due !== null && (await beginScheduled(context, schedule, due)) === 'waits') busy.add(schedule.issuer);
  }
}

/** The instant of the schedule for which a drill is due at `now`; a drill that somebody asked for after it has answered it too. */
export function occurrenceOf({ credential, cron, timezone, firstSeenAt, last }: DrillSchedule, now: Date): Date | null {
  const timing = { cron, timezone, everyMs: null, jitterMs: 0 };
  return occurrenceDue(timing, { credential, lastRotatedAt: last?.startedAt ?? null, createdAt: firstSeenAt }, now)?.occurrence ?? null;
}

/** `waits`: no other drill can begin at that issuer now. */
async function beginScheduled(context: Beginning, schedule: DrillSchedule, occurrence: Date): Promise<'waits' | 'answered'> {
  const record = await context.ledger.credential(schedule.credential);
  if (record === null || !record.declared) return 'answered';
  const [obstacle] = await obstacles(context, record);
  const drill = newDrill(record, SCHEDULE, occurrence);
  if (obstacle === undefined) return (await begin(context, record, drill)).outcome === 'answered' ? 'answered' : 'waits';
  if (obstacle.scheduled === 'tells') await context.drills.refuse(drill, { state: 'given_up', why: obstacle.why }, told(context, record, drillRefused({ ...drill, occurrence, owner: record.owner, why: obstacle.why, todo: obstacle.todo })));
  return obstacle.scheduled === 'waits' ? 'waits' : 'answered';
}

function newDrill({ name, issuer }: CredentialRecord, actor: Actor, occurrence: Date | null): NewDrill {
  return { id: ulid(), credential: name, issuer, actor, occurrence };
}

async function begin({ drills, engine, config }: Beginning, { plan }: CredentialRecord, drill: NewDrill): ReturnType<Context['drills']['begin']> {
  const outcome = await drills.begin(drill, drillPlan(plan, join(drillsFolder(config()), drill.id, 'key.env')));
  if (outcome.outcome === 'begun') {
    engine.log.info({ credential: drill.credential, drill: drill.id, by: drill.actor.who, why: drill.actor.why }, 'drill begun');
    await engine.queue.wake('drills', {}, { dedupeKey: 'drills' });
  }
  return outcome;
}
