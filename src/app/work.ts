/** What jobs can ask for: the worker's own work, each callable at any time and any number of times. */
export interface Work {
  /** Requests what is due, and wakes whatever the ledger says should be moving: the queue may have forgotten it. */
  sweep(signal: AbortSignal): Promise<void>;
  advance(rotationId: string, signal: AbortSignal): Promise<void>;
  payDebts(signal: AbortSignal): Promise<void>;
  /** Issuers' lists, watched names, and what stores serve between rotations. */
  inventory(signal: AbortSignal): Promise<void>;
  deliver(signal: AbortSignal): Promise<void>;
  sealAudit(): Promise<void>;
  /** Reads usage sources, and lets old usage go. */
  readUsage(signal: AbortSignal): Promise<void>;
  /** The daily summary, once its time has come. */
  summarise(): Promise<void>;
  /** Tells people on the other channels of one that fails for long. */
  watchChannels(): Promise<void>;
  /** Calls the outside watcher, when one is configured and all is well. */
  beat(signal: AbortSignal): Promise<void>;
}

/** How often the scheduled jobs run, milliseconds. */
export interface Intervals {
  readonly sweepMs: number;
  readonly debtsMs: number;
  readonly inventoryMs: number;
  readonly deliverMs: number;
  readonly sealMs: number;
  readonly usageMs: number;
  /** Null or absent without a heartbeat. */
  readonly heartbeatMs?: number | null;
}
