/**
 * A lane is a queue of its own with worker slots of its own, so that no backlog in one delays another.
 * The queue only wakes work up: every job can run twice, late or never, and nothing is lost.
 */
export const LANES = ['emergency', 'rotation', 'revocation', 'upkeep', 'delivery', 'usage'] as const;
export type Lane = (typeof LANES)[number];

export interface JobDefinition {
  /** As in jobs/: `due-sweep`, `advance`. */
  readonly name: string;
  readonly lane: Lane;
  /** Runs by itself at this interval, milliseconds; null for jobs that are only woken. */
  readonly everyMs: number | null;
  /** Payloads are ids only: nothing secret, nothing that the ledger does not know. */
  run(payload: unknown, signal: AbortSignal): Promise<void>;
}

export interface WakeOptions {
  readonly delayMs?: number;
  /** Wakes with the same key that still wait are one. */
  readonly dedupeKey?: string;
}

/** One of several wakes of a job. */
export interface Wake extends WakeOptions {
  readonly payload: Readonly<Record<string, string>>;
}

export interface LaneCounts {
  readonly lane: Lane;
  readonly waiting: number;
  readonly delayed: number;
  readonly active: number;
  readonly failed: number;
}

export interface Queue {
  readonly backend: 'redis' | 'postgres' | 'embedded';
  /** Asks for a job. Never throws for a queue that is down: the sweep finds the work again. Resolves false then. */
  wake(job: string, payload: Readonly<Record<string, string>>, options?: WakeOptions): Promise<boolean>;
  /** The same for many wakes of one job, together. Some may have arrived when it resolves false. */
  wakeAll(job: string, wakes: readonly Wake[]): Promise<boolean>;
  /** Starts workers for these jobs and the schedulers of those that have an interval; removes schedulers of jobs that are no more. */
  start(jobs: readonly JobDefinition[], options: { concurrency: Readonly<Record<Lane, number>> }): Promise<void>;
  counts(): Promise<readonly LaneCounts[]>;
  healthy(): Promise<boolean>;
  /** Stops taking work, aborts the signal of running jobs at the deadline, closes connections. */
  close(deadlineMs: number): Promise<void>;
}
