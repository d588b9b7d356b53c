import type { JobDefinition } from '../ports/queue.ts';
import { JOB_OPTIONS, type LaneQueue } from './backend.ts';

const MAX_SCHEDULERS = 1000;
/** A scheduler whose next run is this many intervals past has lost its job, as happens when a queue is emptied. */
const LOST_AFTER_INTERVALS = 3;
const LOST_AFTER_AT_LEAST_MS = 10_000;

/** Makes the schedulers of a lane those of its jobs; what is right already is left alone, so that it keeps its beat. */
export async function assertSchedulers(queue: LaneQueue, jobs: readonly JobDefinition[]): Promise<void> {
  for (const job of jobs) {
    if (job.everyMs !== null) await assertScheduler(queue, job.name, job.everyMs);
  }
  const wanted = new Set(jobs.filter((job) => job.everyMs !== null).map((job) => job.name));
  for (const { key } of await queue.getJobSchedulers(0, MAX_SCHEDULERS - 1)) {
    if (!wanted.has(key)) await queue.removeJobScheduler(key);
  }
}

async function assertScheduler(queue: LaneQueue, name: string, everyMs: number): Promise<void> {
  const there = await queue.getJobScheduler(name);
  const overdueMs = Date.now() - (there?.next ?? 0);
  const lost = overdueMs > Math.max(everyMs * LOST_AFTER_INTERVALS, LOST_AFTER_AT_LEAST_MS);
  if (there !== undefined && Number(there.every) === everyMs && !lost) return;
  if (there !== undefined) await queue.removeJobScheduler(name);
  const { removeOnComplete, removeOnFail } = JOB_OPTIONS;
  await queue.upsertJobScheduler(name, { every: everyMs }, { name, data: {}, opts: { removeOnComplete, removeOnFail } as object });
}
