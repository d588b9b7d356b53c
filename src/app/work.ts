/** What jobs can ask for: the worker's own work, each callable at any time and any number of times. */
export interface Work {
  /** Requests what is due, and wakes whatever the ledger says should be moving: the queue may have forgotten it. */
  sweep(signal: AbortSignal): Promise<void>;
  advance(rotationId: string, signal: AbortSignal): Promise<void>;
  /** Takes break-glass records of the data directory into the ledger. */
  takeRecords(signal: AbortSignal): Promise<void>;
  payDebts(signal: AbortSignal): Promise<void>;
  /** Issuers' lists, watched names, and what stores serve between rotations. */
  inventory(signal: AbortSignal): Promise<void>;
  /** Quotas, ages of keys, and whether issuers, usage sources and the scan of usage are alive. */
  inspect(signal: AbortSignal): Promise<void>;
  deliver(signal: AbortSignal): Promise<void>;
  sealAudit(): Promise<void>;
  /** Reads usage sources, and lets old usage go. */
  readUsage(signal: AbortSignal): Promise<void>;
  /** Looks for what is unusual in usage, and tells people. */
  scanUsage(signal: AbortSignal): Promise<void>;
  /** Revokes what was reported as leaked, and tells people. */
  handleLeaks(signal: AbortSignal): Promise<void>;
  /** Answers critical findings, where a policy says so. */
  respond(signal: AbortSignal): Promise<void>;
  /** Reads leaked secrets where their source keeps them. */
  fetchLeaks(signal: AbortSignal): Promise<void>;
  /** Looks for leaked hashes among the values that stores hold. */
  matchLeaks(signal: AbortSignal): Promise<void>;
  /** Sends people reports of emergency revocations that are ready, or of which much more became known. */
  reportIncidents(signal: AbortSignal): Promise<void>;
  /** Carries open drills on, and begins those that are due. */
  drill(signal: AbortSignal): Promise<void>;
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
  readonly inspectMs: number;
  readonly deliverMs: number;
  readonly sealMs: number;
  readonly usageMs: number;
  readonly scanMs: number;
  /** Null or absent without a heartbeat. */
  readonly heartbeatMs?: number | null;
}
