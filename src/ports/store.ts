import type { Secret } from '../core/secret.ts';

export interface StoreCapabilities {
  /** Can hold a pending value that applications do not read: may be a store of record. */
  readonly stage: boolean;
  /** Keeps a backup value beside the current one that applications are meant to fall back to. */
  readonly backup: boolean;
}

/**
 * current: what applications read. backup: what they fall back to. staged: pending, unread by applications.
 * displaced: the value that a promotion replaced, kept so that a rollback can restore it. history: a label that the
 * store itself keeps on the version before (AWSPREVIOUS); nobody is meant to fall back to it once a rotation is done.
 */
export type SlotRole = 'current' | 'backup' | 'staged' | 'displaced' | 'history';

export interface StoreSlot {
  readonly role: SlotRole;
  readonly value: Secret;
  /** The attempt that staged or displaced it, where the store knows. */
  readonly attempt: string | null;
}

/** Everything that a place holds, in one read. */
export interface StoreView {
  /** False when the place itself does not exist yet (it may then be created if the store is allowed to). */
  readonly exists: boolean;
  /** Changes whenever anything that `promote` must not overwrite changes; opaque. */
  readonly version: string;
  readonly slots: readonly StoreSlot[];
}

export interface PromoteRequest {
  /** The attempt (or `<attempt>:rollback`, `publish:<id>`) that this write belongs to; makes it idempotent. */
  readonly attempt: string;
  readonly value: Secret;
  /** `StoreView.version` as read just before. A place that moved on since throws STORE_CONFLICT and changes nothing. */
  readonly expect: string;
  /**
   * What becomes of the displaced value: `keep` leaves it as backup, where the store has one, and for a rollback;
   * `drop` when the displaced key is dying or was never good.
   */
  readonly displaced: 'keep' | 'drop';
}

export type StoreProblem = {
  /** True when a rotation must not start; false for a warning. */
  readonly fatal: boolean;
  /** What is wrong, what it means, what to do. */
  readonly message: string;
};

/**
 * A place where one credential's value is published. One instance is one place (a secret, a field of it, a variable
 * in a file). Errors are `KeyturnError`s with a `STORE_*` code. Every call is bounded by `callTimeoutMs` and `signal`.
 */
export interface SecretStore {
  readonly name: string;
  readonly type: string;
  readonly capabilities: StoreCapabilities;
  readonly callTimeoutMs: number;
  /** The same for two places that must not be written at once (two fields of one secret, two variables of one file). */
  readonly location: string;
  /** For people: `secret prod/api field hypermemory (eu-west-1)`. No secret in it. */
  readonly describe: string;

  /** Proves without changing anything that the place can be read and, as far as can be known, written. */
  probe(signal: AbortSignal): Promise<readonly StoreProblem[]>;

  read(signal: AbortSignal): Promise<StoreView>;

  /** Holds `value` as pending under `attempt`; applications keep reading what they read. Idempotent by attempt. */
  stage(attempt: string, value: Secret, signal: AbortSignal): Promise<void>;

  /** Makes `value` current by compare and set, keeping whatever else lives in the place. Idempotent. */
  promote(request: PromoteRequest, signal: AbortSignal): Promise<void>;

  /**
   * Removes slots chosen by `select`, never the current one. `superseded`: its key served well and is about to be
   * revoked (a history label may stay). `rejected`: its key must not be found anywhere (history labels move off it too).
   */
  retire(select: (slot: StoreSlot) => boolean, why: 'superseded' | 'rejected', signal: AbortSignal): Promise<void>;

  close?(): Promise<void>;
}
