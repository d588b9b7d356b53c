import type { BaseJobOptions, IQueueBackend, Processor, Queue, Worker, WorkerOptions } from 'bullmq';

/** Payloads hold ids only. */
export type Payload = Readonly<Record<string, string>>;
/** BullMQ's classes over either backend. */
export type LaneQueue = Queue<Payload, void, string, Payload, void, string, IQueueBackend, unknown>;
export type LaneWorker = Worker<Payload, void, string, IQueueBackend>;
export type LaneProcessor = Processor<Payload, void>;

/** Where BullMQ keeps its jobs. */
export interface QueueBackend {
  readonly name: 'redis' | 'postgres' | 'embedded';
  /** False while it is known to be away: asking it would only wait. */
  readonly reachable: () => boolean;
  /** Throws when it does not answer. */
  readonly ping: () => Promise<void>;
  readonly queue: (lane: string) => LaneQueue;
  readonly worker: (lane: string, processor: LaneProcessor, options: WorkerTuning) => LaneWorker;
  /** Closes what the backend itself opened; queues and workers are closed before. */
  readonly close: () => Promise<void>;
}

export type WorkerTuning = Pick<
  WorkerOptions,
  'concurrency' | 'lockDuration' | 'stalledInterval' | 'maxStalledCount' | 'runRetryDelay' | 'drainDelay'
>;

/** The ledger re-derives work, so BullMQ neither retries nor keeps what is done; failures stay a while to be looked at. */
export const JOB_OPTIONS: BaseJobOptions = { attempts: 1, removeOnComplete: true, removeOnFail: { count: 100, age: 24 * 60 * 60 } };
/** BullMQ's own event stream is not read by anybody. */
export const STREAMS = { events: { maxLen: 100 } };
