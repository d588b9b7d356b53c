/** What rules are shown. */
import type { KeyRecord } from '../../core/vocabulary.ts';
import type { WatchRecord } from '../../core/watching.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { Minutes } from '../../ports/scan-ledger.ts';
import type { UsageCaller } from '../../ports/usage-ledger.ts';

/** A credential as one source has shown it up to an instant. Instants are milliseconds since the epoch. */
export interface Sight {
  readonly record: CredentialRecord;
  readonly source: string;
  /** The source has shown all minutes before; what is counted over whole minutes ends here. */
  readonly until: number;
  /** The instant up to which it has: the minutes since `until` are in the counts too, in part, so that use that must not be is seen at once. */
  readonly shown: number;
  /** Those that live, and those that died lately. */
  readonly keys: readonly KeyRecord[];
  /** By the id of an old key that drains: since when every place serves the new one. */
  readonly drains: ReadonlyMap<string, number>;
  /** Of each key by its id, as far back as rules look. Keys without usage are absent. */
  readonly byKey: ReadonlyMap<string, Minutes>;
  /** All keys together. */
  readonly minutes: Minutes;
  /** What is remembered, this look included. */
  readonly memory: WatchRecord;
  /** Who called within that time. Texts come from outside and are cleaned. */
  readonly callers: readonly UsageCaller[];
}
