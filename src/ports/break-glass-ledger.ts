/** The part of the ledger that takes in what was revoked while it was out of reach. */
import type { Actor } from '../core/vocabulary.ts';
import type { Rotation } from './ledger.ts';

/** A record whose key the issuer says is dead. */
export interface DeadKeyRecord {
  readonly id: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  /** Who revoked it and why. */
  readonly actor: Actor;
  /** For the audit log: the record, and what was seen at the issuer. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export type TakeOutcome =
  /** That record was taken in before; nothing changed. */
  | { readonly outcome: 'already' }
  | {
      readonly outcome: 'taken';
      /** Null for a key that the ledger does not know. */
      readonly credential: string | null;
      /** False where the key was known to be dead, or is not known. */
      readonly marked: boolean;
      /** The emergency rotation that replaces the key, if applications were meant to read it. */
      readonly rotation: Pick<Rotation, 'id' | 'credential'> | null;
    };

export interface BreakGlassLedger {
  /**
   * Once a record: audits it, marks the key as revoked, and asks for an emergency rotation of a declared credential whose current key it
   * was, or whose open rotation was putting it into the stores. One transaction. Says nothing of whether the key is dead: the caller has seen it.
   */
  take(record: DeadKeyRecord): Promise<TakeOutcome>;
}
