/** Bounds what a process does on its own. Instants come from the ledger (`Ledger.now`), which all workers share. */
export interface Clock {
  /** Aborts after `ms` milliseconds. */
  timeout(ms: number): AbortSignal;
}
