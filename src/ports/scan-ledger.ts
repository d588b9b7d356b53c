/** The part of the ledger that a scan of usage works with: what it remembers of each credential and source, and how far it came. */
import type { KeyRecord } from '../core/vocabulary.ts';
import type { WatchState } from '../core/watching.ts';
import type { UsageCaller, UsageCounts } from './usage-ledger.ts';

/** By the beginning of the minute, milliseconds since the epoch; silent ones are absent. */
export type Minutes = ReadonlyMap<number, UsageCounts>;

export interface ScanLedger {
  /** Credentials whose keys have counts of this source in minutes from `from` on and before `until`, in order of their names. At most 100,000. */
  activeCredentials(source: string, from: Date, until: Date): Promise<readonly string[]>;
  /** The earliest minute of this source that is kept; null without any. */
  firstMinute(source: string): Promise<Date | null>;
  /** By credential, the beginning of the last hour before that one in which a key of it was used; those that never were are absent. */
  usedBefore(source: string, credentials: readonly string[], before: Date): Promise<ReadonlyMap<string, Date>>;
  /** Counts of these keys as this source sees them, in minutes from `from` on and before `until`; silent minutes and keys are absent. */
  minutes(source: string, keyIds: readonly string[], from: Date, until: Date): Promise<ReadonlyMap<string, Minutes>>;
  /** Who called with these keys, as this source tells, and was seen since; most requests first. */
  callersSince(source: string, keyIds: readonly string[], since: Date): Promise<readonly UsageCaller[]>;
  /** Keys of these credentials that live, or died within `deadForMs`. */
  keysToWatch(credentials: readonly string[], deadForMs: number): Promise<readonly KeyRecord[]>;
  /** Of rotations that drain their old key: by that key's id, since when every place serves the new one. */
  drains(credentials: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** What is remembered; a credential that was never watched is absent. */
  watched(source: string, credentials: readonly string[]): Promise<readonly WatchState[]>;
  /** Each under the version that was seen: those that somebody else has written meanwhile stay as they are. */
  saveWatched(states: readonly WatchState[]): Promise<void>;
  /** Every source that was ever scanned: all its minutes before have been looked at. */
  scanned(): Promise<ReadonlyMap<string, Date>>;
  /** Never goes back. */
  noteScanned(source: string, until: Date): Promise<void>;
  /** Deletes what is remembered of credentials that are no longer declared and were not used for so long; answers how many rows. */
  pruneWatched(unusedForMs: number): Promise<number>;
}
