import { LANES, type JobDefinition, type Lane, type LaneCounts, type Queue, type Wake, type WakeOptions } from '../ports/queue.ts';
import { KeyturnError } from '../core/errors.ts';
import { ahead, inTurn, urgently } from '../core/urgency.ts';
import { AtOnce } from './at-once.ts';
import type { LaneProcessor, LaneQueue, LaneWorker, Payload, QueueBackend, WorkerTuning } from './backend.ts';
import { Precedence } from './precedence.ts';
import { assertSchedulers } from './schedulers.ts';
import { within } from './within.ts';

/** How long a wake may take before the sweep is trusted with it. */
const WAKE_WITHIN_MS = 3_000;
/** BullMQ's PostgreSQL backend takes a lock for each key of a bulk, of which a server has some thousands for everybody. */
const WAKES_AT_ONCE = 250;
const ANSWER_WITHIN_MS = 5_000;
/** What begins here at once has a job too, for another worker in case that this one dies first. So late it is in nobody's way. */
const SECOND_MS = 1_000;
/** What jobs get to notice that their signal was aborted. */
const ABORT_GRACE_MS = 2_000;
/** A worker that dies holds a job for as long; its lease in the ledger is what matters, so this may be short. */
const TUNING: WorkerTuning = { lockDuration: 10_000, stalledInterval: 5_000, maxStalledCount: 3, runRetryDelay: 1_000, drainDelay: 5 };

export interface QueueEvents {
  /** Trouble with the queue itself; it mends on its own. `where` is a lane, or `connection`. */
  readonly error: (error: Error, where: string) => void;
  readonly jobFailed: (job: string, error: Error) => void;
}

/** One BullMQ queue and one worker a lane, over any backend. */
export class LaneQueues implements Queue {
  readonly backend: Queue['backend'];
  readonly #backend: QueueBackend;
  readonly #events: QueueEvents;
  readonly #reassertMs: number;
  readonly #queues: ReadonlyMap<Lane, LaneQueue>;
  readonly #workers: LaneWorker[] = [];
  readonly #stopping = new AbortController();
  readonly #precedence = new Precedence();
  readonly #atOnce = new AtOnce();
  #jobs: ReadonlyMap<string, JobDefinition> = new Map();
  #reassert: NodeJS.Timeout | undefined;
  #closed: Promise<void> | null = null;

  constructor(backend: QueueBackend, events: QueueEvents, reassertMs: number) {
    this.backend = backend.name;
    this.#backend = backend;
    this.#events = events;
    this.#reassertMs = reassertMs;
    this.#queues = new Map(LANES.map((lane) => [lane, this.#watched(backend.queue(lane), lane)]));
  }

  #watched<T extends { on(event: 'error', listener: (error: Error) => void): unknown }>(emitter: T, lane: Lane): T {
    emitter.on('error', (error) => this.#events.error(error, lane));
    return emitter;
  }

  /** An emergency waits for no queue: it begins here at once, or on time where the queue is away. False too before `start`, which says which lane a job belongs to. */
  async wake(job: string, payload: Payload, options: WakeOptions = {}): Promise<boolean> {
    const definition = this.#jobs.get(job);
    if (definition?.lane !== 'emergency') return await this.#wakeOne(job, payload, options);
    if ((options.delayMs ?? 0) <= 0) return await this.#wakeUrgent(definition, payload, options);
    return (await this.#wakeOne(job, payload, options)) || this.#wakeLater(definition, payload, options);
  }

  async #wakeUrgent(definition: JobDefinition, payload: Payload, options: WakeOptions): Promise<boolean> {
    if (!this.#atOnce.begin(options.dedupeKey, () => this.#run(definition, payload, this.#stopping.signal))) {
      this.#precedence.announce();
      return (await urgently(() => this.#wakeOne(definition.name, payload, options))) || this.#wakeLater(definition, payload, { ...options, delayMs: SECOND_MS });
    }
    if (this.backend !== 'embedded') void inTurn(() => this.#wakeOne(definition.name, payload, { ...options, delayMs: SECOND_MS }));
    return true;
  }

  /** Without the queue, which is away. */
  #wakeLater(definition: JobDefinition, payload: Payload, { delayMs, ...options }: WakeOptions): boolean {
    if (this.#closed !== null) return false;
    setTimeout(() => void this.#wakeUrgent(definition, payload, options), delayMs).unref();
    return true;
  }

  async #wakeOne(job: string, payload: Payload, options: WakeOptions): Promise<boolean> {
    return await this.#add(job, (queue) => queue.add(job, payload, jobOptions(job, options)));
  }

  /** As `wake`, each with its own options. */
  async wakeAll(job: string, wakes: readonly Wake[]): Promise<boolean> {
    for (let start = 0; start < wakes.length; start += WAKES_AT_ONCE) {
      const jobs = wakes.slice(start, start + WAKES_AT_ONCE).map(({ payload, ...options }) => ({ name: job, data: payload, opts: jobOptions(job, options) }));
      if (!(await this.#add(job, (queue) => queue.addBulk(jobs)))) return false;
    }
    return true;
  }

  async #add(job: string, add: (queue: LaneQueue) => Promise<unknown>): Promise<boolean> {
    const lane = this.#jobs.get(job)?.lane;
    const queue = lane === undefined ? undefined : this.#queues.get(lane);
    if (queue === undefined || this.#closed !== null || !this.#backend.reachable()) return false;
    try {
      await within(WAKE_WITHIN_MS, add(queue));
      return true;
    } catch (error) {
      this.#events.error(asError(error), lane ?? job);
      return false;
    }
  }

  async start(jobs: readonly JobDefinition[], options: { readonly concurrency: Readonly<Record<Lane, number>> }): Promise<void> {
    if (this.#jobs.size > 0) throw new KeyturnError('INTERNAL', 'The queue was started twice.', { effect: 'none' });
    this.#jobs = new Map(jobs.map((job) => [job.name, job]));
    for (const lane of LANES) {
      const concurrency = Math.max(options.concurrency[lane], 1);
      this.#workers.push(this.#watched(ofLane(lane, () => this.#backend.worker(lane, this.#processor(), { ...TUNING, concurrency })), lane));
    }
    this.#atOnce.open(options.concurrency.emergency);
    await this.#assertSchedulers();
    this.#reassert = setInterval(() => void this.#reassertQuietly(), this.#reassertMs).unref();
  }

  /** Three parameters, or BullMQ gives no signal. */
  #processor(): LaneProcessor {
    return async (job, _token, signal) => {
      const definition = this.#jobs.get(job.name);
      if (definition === undefined) return; // left by another version of Keyturn
      await this.#run(definition, job.data, AbortSignal.any(signal === undefined ? [this.#stopping.signal] : [this.#stopping.signal, signal]));
    };
  }

  async #run(definition: JobDefinition, payload: unknown, signal: AbortSignal): Promise<void> {
    const isFirst = definition.lane === 'emergency';
    const end = isFirst ? this.#precedence.begin() : await this.#precedence.pass(signal);
    try {
      await (isFirst ? urgently(() => definition.run(payload, signal)) : definition.run(payload, signal));
    } catch (error) {
      this.#events.jobFailed(definition.name, asError(error));
      throw error;
    } finally {
      end?.();
      // To put it away and to fetch the next one is work too.
      if (end === undefined) await this.#precedence.pass(signal);
    }
  }

  async #assertSchedulers(): Promise<void> {
    for (const [lane, queue] of this.#queues) {
      await assertSchedulers(queue, [...this.#jobs.values()].filter((job) => job.lane === lane));
    }
  }

  /** A queue that was emptied behind our back has no schedulers left: they are put back. */
  async #reassertQuietly(): Promise<void> {
    if (!this.#backend.reachable() || this.#closed !== null) return;
    try {
      await within(this.#reassertMs, this.#assertSchedulers());
    } catch (error) {
      if (this.#closed === null) this.#events.error(asError(error), 'schedulers');
    }
  }

  /** Throws QUEUE_UNREACHABLE. */
  async counts(): Promise<readonly LaneCounts[]> {
    try {
      if (!this.#backend.reachable()) throw new Error('not connected');
      return await within(ANSWER_WITHIN_MS, Promise.all([...this.#queues].map(countLane)));
    } catch (error) {
      throw new KeyturnError('QUEUE_UNREACHABLE', 'The queue does not answer: work waits for it, and nothing is lost.', { cause: error, effect: 'none' });
    }
  }

  async healthy(): Promise<boolean> {
    if (!this.#backend.reachable() || this.#closed !== null) return false;
    return within(ANSWER_WITHIN_MS, this.#backend.ping()).then(() => true, () => false);
  }

  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  /** Leaves jobs that do not end to themselves, without the connections that they hold. */
  async #letGo(error: Error): Promise<void> {
    this.#events.error(error, 'close');
    await within(ABORT_GRACE_MS, Promise.allSettled(this.#workers.map((worker) => worker.disconnect()))).catch(() => undefined);
  }

  async #close(deadlineMs: number): Promise<void> {
    clearInterval(this.#reassert);
    this.#atOnce.open(0);
    const drained = Promise.all([this.#atOnce.ended(), ...this.#workers.map((worker) => worker.close())]);
    await within(deadlineMs, drained).catch(() => this.#stopping.abort(new Error('Keyturn is shutting down')));
    await within(ABORT_GRACE_MS, drained).catch((error: unknown) => this.#letGo(asError(error)));
    const queues = Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    await within(ABORT_GRACE_MS, queues).catch(() => undefined);
    await this.#backend.close();
  }
}

function ofLane<T>(lane: Lane | undefined, work: () => T): T {
  return lane === 'emergency' ? ahead(work) : work();
}

/**
 * Wakes with one key that wait are one. While a job of the key runs, one more is kept and added when it ends: what woke
 * it may have come too late for the run. A delayed wake has a key of its own, so that it never holds back one for now,
 * and the last word on when to come back replaces the one before.
 */
function jobOptions(job: string, { delayMs = 0, dedupeKey }: WakeOptions) {
  const delay = Math.max(Math.ceil(delayMs), 0);
  if (dedupeKey === undefined) return { delay };
  const id = `${job}/${dedupeKey}`;
  if (delay === 0) return { deduplication: { id, keepLastIfActive: true } };
  return { delay, deduplication: { id: `${id}/later`, replace: true, keepLastIfActive: true } };
}

async function countLane([lane, queue]: readonly [Lane, LaneQueue]): Promise<LaneCounts> {
  const { waiting = 0, delayed = 0, active = 0, failed = 0 } = await queue.getJobCounts('waiting', 'delayed', 'active', 'failed');
  return { lane, waiting, delayed, active, failed };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
