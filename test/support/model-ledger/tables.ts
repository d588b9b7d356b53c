/** The model's tables, column for column those of src/ledger/tables.ts; instants are epoch milliseconds. */
import type { CredentialPlan } from '../../../src/core/plan.ts';
import type { Actor, DebtCause, KeyState, Notice, Path, RotationKind, RotationState } from '../../../src/core/vocabulary.ts';
import type { Leak } from '../../../src/ports/leak-ledger.ts';
import type { Delivery, Pause } from '../../../src/ports/ledger.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface LeaseColumns {
  readonly worker: string | null;
  readonly leaseUntil: number | null;
}

export const NO_LEASE: LeaseColumns = { worker: null, leaseUntil: null };

export interface CredentialRow {
  readonly name: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly revision: string;
  readonly plan: CredentialPlan;
  readonly declared: boolean;
  readonly currentKeyId: string | null;
  /** -Infinity while nobody has computed it, Infinity for never. */
  readonly dueAt: number;
  readonly firstSeenAt: number;
  readonly lastRotatedAt: number | null;
}

export interface KeyRow {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  readonly name: string;
  readonly prefix: string;
  readonly fingerprint: string | null;
  readonly scopes: readonly string[];
  readonly state: KeyState;
  readonly proven: boolean;
  readonly rotationId: string | null;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

export interface RotationRow extends LeaseColumns {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly kind: RotationKind;
  readonly path: Path;
  readonly state: RotationState;
  readonly epoch: number;
  readonly plan: CredentialPlan;
  readonly actor: Actor;
  readonly occurrence: number | null;
  readonly asked: Json;
  readonly oldKeyId: string | null;
  readonly newKeyId: string | null;
  readonly notes: Json;
  readonly reason: string;
  readonly message: string;
  readonly createdAt: number;
  readonly stateSince: number;
  readonly wakeAt: number | null;
  readonly finishedAt: number | null;
  readonly pacedAt: number | null;
  /** When its lease was taken; kept until it is given back. */
  readonly leasedAt: number | null;
  readonly abortAsked: Actor | null;
  readonly resumeAsked: Actor | null;
}

export interface TransitionRow {
  readonly seq: number;
  readonly rotationId: string;
  readonly at: number;
  readonly from: RotationState | null;
  readonly to: RotationState;
  readonly reason: string;
  readonly message: string;
  readonly epoch: number;
  readonly worker: string;
}

export interface DebtRow extends LeaseColumns {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  readonly fingerprint: string | null;
  readonly cause: DebtCause;
  readonly rotationId: string | null;
  readonly attempts: number;
  readonly createdAt: number;
  readonly nextTryAt: number;
  readonly lastError: string | null;
  readonly settledAt: number | null;
  readonly outcome: string | null;
  readonly alertedAt: number | null;
}

export interface WatchRow {
  readonly issuer: string;
  readonly name: string;
  readonly credential: string;
  readonly rotationId: string;
  readonly until: number;
}

export interface PauseRow {
  readonly scope: Pause['scope'];
  readonly name: string | null;
  readonly actor: Actor;
  readonly since: number;
}

export interface AuditRow {
  readonly id: number;
  readonly at: number;
  readonly type: string;
  readonly actor: Actor;
  readonly credential: string | null;
  readonly rotationId: string | null;
  readonly keyId: string | null;
  readonly detail: Json;
  readonly pos: number | null;
  readonly hash: string | null;
}

export interface DeliveryRow extends LeaseColumns {
  readonly id: string;
  readonly channel: string;
  readonly notice: Notice;
  readonly dedupeKey: string;
  readonly origin: string | null;
  readonly state: Delivery['state'];
  readonly attempts: number;
  readonly createdAt: number;
  readonly nextTryAt: number;
  readonly deliveredAt: number | null;
  readonly receipt: string | null;
  readonly lastError: string | null;
}

export interface LockRow {
  readonly location: string;
  readonly rotationId: string;
}

export interface SlotRow {
  readonly rotationId: string;
  readonly issuer: string;
}

type LeakInstant = 'reportedAt' | 'foundAt' | 'settledAt' | 'nextTryAt';

export interface LeakRow extends Omit<Leak, LeakInstant>, LeaseColumns {
  readonly reportedAt: number;
  readonly foundAt: number | null;
  readonly settledAt: number | null;
  readonly nextTryAt: number;
}

export interface LeakDeliveryRow {
  readonly source: string;
  readonly id: string;
  readonly at: number;
  readonly leaks: number;
  readonly foreign: number;
  readonly malformed: number;
}
