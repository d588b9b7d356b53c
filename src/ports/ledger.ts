/**
 * The ledger is the truth. Every change of a rotation goes through `commit`, one transaction that names the expected
 * state and the fencing epoch, and that also carries what belongs to the change: keys, debts, locks, notices, audit.
 */
import type { Anchor } from '../core/anchor.ts';
import type { Limit } from '../core/pace.ts';
import type { CredentialPlan, PlannedText } from '../core/plan.ts';
import type {
  Actor,
  DebtCause,
  KeyRecord,
  KeyState,
  Notice,
  Path,
  RevocationDebt,
  RotationKind,
  RotationState,
} from '../core/vocabulary.ts';
import type { IncidentNews } from './channel.ts';

export interface Rotation {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly kind: RotationKind;
  readonly path: Path;
  readonly state: RotationState;
  /** Rises with every lease taken and every pre-emption; a write under an older epoch is refused. */
  readonly epoch: number;
  /** The plan it began with. */
  readonly plan: CredentialPlan;
  readonly actor: Actor;
  /** The instant of the schedule that it answers, or null. */
  readonly occurrence: Date | null;
  readonly oldKeyId: string | null;
  readonly newKeyId: string | null;
  /** The engine's notes between steps: attempt, deadlines, evidence. JSON, no secrets; owned by src/rotation. */
  readonly notes: Readonly<Record<string, unknown>>;
  /** Why it is where it is: a reason code of the transition table, and a sentence. */
  readonly reason: string;
  readonly message: string;
  readonly createdAt: Date;
  readonly stateSince: Date;
  /** When it wants to be advanced next; null for never (terminal). */
  readonly wakeAt: Date | null;
  readonly finishedAt: Date | null;
  /** Who asked that it be given up, until the engine has carried that out or refused it. */
  readonly abortAsked: Actor | null;
  /** Who asked that it try again now, until the engine has. */
  readonly resumeAsked: Actor | null;
}

/**
 * A line of a rotation's history. Most are transitions; those that stay in their state say that its reason changed, that a
 * worker took it over (`taken_over`), or that a person asked something of it (`asked_abort`, `asked_resume`).
 */
export interface Transition {
  readonly seq: number;
  readonly rotationId: string;
  readonly at: Date;
  readonly from: RotationState | null;
  readonly to: RotationState;
  readonly reason: string;
  readonly message: string;
  readonly epoch: number;
  readonly worker: string;
}

/** What the ledger knows besides the rotation itself, all of one instant: the ground on which the next step is decided. */
export interface Situation {
  /** The ledger's time then. */
  readonly now: Date;
  readonly oldKey: KeyRecord | null;
  readonly newKey: KeyRecord | null;
  /** The credential's. */
  readonly currentKeyId: string | null;
  /** Every open debt of the credential, whoever made it. */
  readonly openDebts: readonly RevocationDebt[];
}

/** A worker's exclusive right to advance one rotation until `expiresAt` (ledger time). */
export interface Lease {
  readonly rotation: Rotation;
  /** As of when it was taken, or of the last write under it. */
  readonly situation: Situation;
  readonly epoch: number;
  readonly worker: string;
  readonly expiresAt: Date;
  /** True when the lease before was not given back: its holder, or what it had sent, may still be acting. */
  readonly takenOver: boolean;
}

/** What a person asks for. The schedule asks by `requestDue`. */
export interface NewRotation {
  readonly credential: string;
  readonly kind: Exclude<RotationKind, 'scheduled'>;
  readonly path: Path;
  readonly plan: CredentialPlan;
  readonly actor: Actor;
  readonly oldKeyId: string | null;
  readonly notes?: Readonly<Record<string, unknown>>;
}

export type RequestOutcome =
  | { readonly outcome: 'created'; readonly rotation: Rotation }
  /** Another rotation of the credential is open: this one. */
  | { readonly outcome: 'open'; readonly rotation: Rotation };

export interface NewKey {
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
  readonly createdAt: Date | null;
}

export interface NewDebt {
  readonly credential: string;
  readonly issuer: string;
  readonly issuerKeyId: string;
  readonly fingerprint: string | null;
  readonly cause: DebtCause;
  readonly rotationId: string | null;
  /** Added to the ledger's now. */
  readonly notBeforeMs: number;
}

/** A debt as whoever leased it holds it, with what the ledger knew in the same moment. */
export interface HeldDebt extends RevocationDebt {
  /** The key that is to die; null when the ledger does not know it. */
  readonly key: KeyRecord | null;
  /** The credential's plan of today. */
  readonly plan: CredentialPlan | null;
}

/** Watch an attempt's name at the issuer: a late create under it becomes an orphan debt. */
export interface NewWatch {
  readonly issuer: string;
  readonly credential: string;
  readonly name: string;
  readonly rotationId: string;
  readonly forMs: number;
}

export interface NameWatch extends Omit<NewWatch, 'forMs'> {
  readonly until: Date;
}

export interface AuditEntry {
  /** e.g. `rotation.transition`, `key.revoked`, `credential.adopted`, `pause.set`, `policy.max-age-override`. */
  readonly type: string;
  readonly actor: Actor;
  readonly credential: string | null;
  readonly rotationId: string | null;
  readonly keyId: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditEvent extends AuditEntry {
  readonly seq: number;
  readonly at: Date;
  /** Hex HMAC over the event and the hash before it; null until sealed. */
  readonly hash: string | null;
}

/** What one guarded write changes. Everything in it commits together or not at all. */
export interface Change {
  readonly to?: RotationState;
  readonly reason?: string;
  readonly message?: string;
  readonly notes?: Readonly<Record<string, unknown>>;
  readonly oldKeyId?: string | null;
  readonly newKeyId?: string | null;
  /** Added to the ledger's now; null for never. */
  readonly wakeInMs?: number | null;
  /** Inserted; the first with state `staged` or `current` becomes `newKeyId` when `bindNewKey` is true. */
  readonly newKey?: NewKey;
  readonly keyStates?: readonly { readonly keyId: string; readonly state: KeyState; readonly proven?: boolean }[];
  readonly debts?: readonly NewDebt[];
  readonly watches?: readonly NewWatch[];
  readonly notices?: readonly { readonly notice: Notice; readonly channels: readonly string[] }[];
  readonly audit?: readonly Omit<AuditEntry, 'rotationId' | 'credential'>[];
  /** Take these location locks, or change nothing (`commit` answers `locked`). */
  readonly lockLocations?: readonly string[];
  readonly unlockLocations?: boolean;
  /** Reserve a key slot at the issuer if fewer than `limit` live keys and reservations exist (`commit` answers `no-slot`). */
  readonly reserveSlot?: { readonly issuer: string; readonly liveKeys: number; readonly limit: number | null };
  readonly releaseSlot?: boolean;
  /** The abort that was asked for is carried out or refused by this change. */
  readonly abortAnswered?: boolean;
  /** Back-off is cleared by this change, as was asked. */
  readonly resumeAnswered?: boolean;
  /** Count this rotation against its issuer's pacing, or answer `paced`. */
  readonly pace?: { readonly maxConcurrent: number; readonly perMinute: number };
  /** Of a rotation that is done: when its credential falls due next. Not taken when its plan is another one by now: then the sweep says. */
  readonly nextDueAt?: Date | null;
  /** Of a rotation that is done without a key of its own: the credential is as old as the key that it kept, and the next sweep says when it is due. */
  readonly keepsAge?: boolean;
  /** Renews the lease with the same write: it lasts so long from the ledger's now, milliseconds. Null gives it back. */
  readonly leaseMs?: number | null;
}

export type CommitOutcome =
  /** The lease as it stands after the write, with the rotation and the situation as they are now. */
  | { readonly outcome: 'ok'; readonly rotation: Rotation; readonly lease: Lease }
  | { readonly outcome: 'locked'; readonly holder: string; readonly location: string }
  | { readonly outcome: 'no-slot'; readonly reserved: number }
  | { readonly outcome: 'paced' }
  /** The change goes to another state, and an abort was asked for that the lease's rotation does not show: look again. */
  | { readonly outcome: 'asked'; readonly rotation: Rotation };

/** `already`: it was asked before, or is on its way back anyway. */
export type AbortOutcome =
  | { readonly outcome: 'asked' | 'already' | 'ended'; readonly rotation: Rotation }
  | { readonly outcome: 'refused'; readonly rotation: Rotation; readonly why: string };

export interface CredentialRecord {
  readonly name: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly revision: string;
  readonly plan: CredentialPlan;
  /** False once it is no longer declared. */
  readonly declared: boolean;
  readonly currentKeyId: string | null;
  /** The next instant at which it falls due; null when unknown yet or never. */
  readonly dueAt: Date | null;
  readonly firstSeenAt: Date;
  readonly lastRotatedAt: Date | null;
}

export interface Renewing {
  /** True when the credential came out of it with a key that it had minted. */
  readonly renewed: boolean;
}

/** A credential whose keys were revoked to be replaced by none: it stays without a key until somebody rotates or adopts one. */
export interface Retired {
  readonly credential: string;
  readonly rotationId: string;
  readonly actor: Actor;
  readonly since: Date;
}

/** A credential that may be due, with what says whether it is. */
export interface DueCredential extends CredentialRecord {
  readonly currentKey: Pick<KeyRecord, 'createdAt'> | null;
  /** Its newest rotation, whoever asked for it. */
  readonly last: (Pick<Rotation, 'id' | 'state' | 'createdAt' | 'finishedAt'> & Renewing) | null;
  /** The ledger's time then. */
  readonly asOf: Date;
}

/** The schedule asks for a rotation of a credential, on the plan that it has. */
export interface DueRequest {
  readonly due: DueCredential;
  readonly actor: Actor;
  /** The instant of the schedule that it answers. */
  readonly occurrence: Date;
}

export type DueOutcome =
  | { readonly outcome: 'created'; readonly rotationId: string }
  /** A rotation of the credential is open; the occurrence was answered already; or the credential is no longer as it was seen to be, or not due. */
  | { readonly outcome: 'open' | 'answered' | 'changed' };

export interface Pause {
  readonly scope: 'all' | 'issuer' | 'credential';
  readonly name: string | null;
  readonly actor: Actor;
  readonly since: Date;
}

export interface Delivery {
  readonly id: string;
  readonly channel: string;
  readonly notice: Notice;
  readonly state: 'waiting' | 'delivered' | 'stuck';
  readonly attempts: number;
  readonly createdAt: Date;
  readonly nextTryAt: Date;
  readonly deliveredAt: Date | null;
  readonly receipt: string | null;
  readonly lastError: string | null;
  /** The incident that it tells of. `rootReceipt` and `toldAs` are known to whoever leased it only. */
  readonly incident: IncidentNews | null;
}

/** How a channel fares, as far as something is undelivered there. Ages in milliseconds. */
export interface ChannelLag {
  readonly channel: string;
  readonly waiting: number;
  readonly stuck: number;
  /** Of the oldest that waits; null when none waits. */
  readonly oldestAgeMs: number | null;
  /** How long nothing got through while something failed; null when the channel fails at nothing. */
  readonly failingMs: number | null;
  /** Of the newest that failed. */
  readonly lastError: string | null;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly events: number;
  readonly sealed: number;
  /** Hash of the newest sealed event; `<sealed>:<head>` is the anchor to be kept elsewhere. */
  readonly head: string | null;
  /** The first event that does not verify. */
  readonly firstBad: { readonly seq: number; readonly why: string } | null;
}

/** Counts and ages for metrics and `status`; one cheap query each. */
export interface LedgerFigures {
  readonly rotationsByState: Readonly<Record<string, number>>;
  readonly keysByState: Readonly<Record<string, number>>;
  readonly openDebts: number;
  readonly oldestDebtAgeMs: number | null;
  readonly deliveriesWaiting: number;
  readonly deliveriesStuck: number;
  readonly oldestDeliveryAgeMs: number | null;
  readonly unsealedAudit: number;
}

/** What the daily summary tells. */
export interface DailyFigures extends Pick<LedgerFigures, 'openDebts' | 'oldestDebtAgeMs' | 'deliveriesStuck'> {
  /** When the first audit event was written; null before that. */
  readonly begunAt: Date | null;
  /** Rotations that ended within the span. */
  readonly done: number;
  readonly aborted: number;
  readonly rolledBack: number;
  /** Credentials whose rotation is blocked now. */
  readonly blocked: readonly string[];
  /** Declared credentials that fall due within the span from now, soonest first. */
  readonly due: readonly string[];
  /** Current keys of declared credentials by their age: how many have fewer days than each of `KEY_AGE_DAYS`, and not fewer than the one before; the last are older than all. */
  readonly keyAges: readonly number[];
  readonly oldestKey: { readonly credential: string; readonly ageMs: number } | null;
}

export const KEY_AGE_DAYS = [30, 90, 365] as const;

export interface Page {
  readonly limit: number;
  readonly before?: string;
}

export interface DeclaredFilter {
  readonly issuer?: string;
  readonly owner?: string;
  /** Only those that have a current key. */
  readonly withKey?: true;
}

export interface Ledger {
  readonly kind: 'embedded' | 'postgres';

  /** The ledger's clock: the only one that decisions use. */
  now(): Promise<Date>;
  /** Short id of this installation, part of every key name that it mints. */
  installation(): Promise<string>;

  // credentials and keys
  /**
   * Records what is declared and undeclares the rest, in one transaction. Recomputes nothing of open rotations. Takes one text
   * after the other, so that they need not all be in memory, and from the start when it has to run again.
   */
  declare(planned: Iterable<PlannedText>): Promise<void>;
  credential(name: string): Promise<CredentialRecord | null>;
  /** In the order of their names; `only` those named, of which unknown ones are left out. */
  credentials(only?: readonly string[]): Promise<readonly CredentialRecord[]>;
  /** Declared ones in the order of their names, from the one after `after` on: there may be very many. */
  declaredCredentials(filter: DeclaredFilter, page: { readonly limit: number; readonly after?: string }): Promise<readonly CredentialRecord[]>;
  /** Names of the issuers that credentials have, of those too that are declared no more; in order. */
  issuers(): Promise<readonly string[]>;
  setDue(name: string, dueAt: Date | null): Promise<void>;
  /** In the order of their names; `only` those named. */
  retired(only?: readonly string[]): Promise<readonly Retired[]>;
  /** When each falls due next, null for never, but for those whose plan or due time is another one by now. One transaction. */
  redate(dates: readonly { readonly due: DueCredential; readonly dueAt: Date | null }[]): Promise<void>;
  /** Declared credentials with `dueAt` in the past or unknown, not paused, without an open rotation; oldest first. All of one instant. */
  dueCredentials(limit: number): Promise<readonly DueCredential[]>;
  key(id: string): Promise<KeyRecord | null>;
  /** Unknown ids are left out. */
  keys(ids: readonly string[]): Promise<readonly KeyRecord[]>;
  /** Those that Keyturn or their issuer calls by this id: issuers may give the same one twice. In the order of their issuers. */
  keysNamed(id: string): Promise<readonly KeyRecord[]>;
  keysOf(credential: string): Promise<readonly KeyRecord[]>;
  keysOfIssuer(issuer: string): Promise<readonly KeyRecord[]>;
  /** Binds an adopted key as current (when there is none) in one transaction with its audit entry; answers the record. */
  adopt(key: NewKey, actor: Actor, detail: Readonly<Record<string, unknown>>): Promise<KeyRecord>;
  /** A key found dead at the issuer without us: `lost` or `revoked`. */
  markKey(keyId: string, state: 'lost' | 'revoked', actor: Actor, why: string): Promise<void>;

  // rotations
  /**
   * Inserts a scheduled rotation for each credential that is still as `due` shows it: declared, due, not paused, on the same plan, with the same
   * current key and the same newest rotation, which is not open. One transaction, in which a refusal of one leaves the others be; answers in
   * the order asked. One unique row per (credential, occurrence). At most 1000 at once, and no credential twice.
   */
  requestDue(requests: readonly DueRequest[]): Promise<readonly DueOutcome[]>;
  /** Inserts a rotation unless one is open. An emergency pre-empts: see docs/architecture.md. */
  request(rotation: NewRotation): Promise<RequestOutcome>;
  rotation(idOrPrefix: string): Promise<Rotation | null>;
  openRotation(credential: string): Promise<Rotation | null>;
  rotations(filter: { readonly credential?: string; readonly open?: boolean }, page: Page): Promise<readonly Rotation[]>;
  history(rotationId: string): Promise<readonly Transition[]>;
  /** Ids of open rotations (of one kind) whose `wakeAt` has passed and which nobody leases. */
  wakeable(limit: number, kind?: RotationKind): Promise<readonly string[]>;
  /** Takes the lease when nobody has it. One that was not given back is recorded in the history, in the same write. */
  lease(rotationId: string, worker: string, ttlMs: number): Promise<Lease | null>;
  /** Extends a lease, whose rotation and situation stay as they were. Throws LEASE_LOST when the epoch has moved on or the lease expired. */
  renew(lease: Lease, ttlMs: number): Promise<Lease>;
  /** The guarded write. Throws LEASE_LOST when epoch or `expectState` do not hold or the lease expired; then nothing changed. */
  commit(lease: Lease, expectState: RotationState, change: Change): Promise<CommitOutcome>;
  release(lease: Lease): Promise<void>;
  /**
   * Asks that a rotation be given up. Needs no lease: whoever holds it sees the request before its next change of state.
   * Null when there is no such rotation.
   */
  askAbort(rotationId: string, actor: Actor): Promise<AbortOutcome | null>;
  /** Wakes a rotation, has it forget its back-off, and makes payable what its credential's debts wait for after a failure. Null: no such rotation. */
  askResume(rotationId: string, actor: Actor): Promise<{ readonly outcome: 'asked' | 'ended'; readonly rotation: Rotation } | null>;

  // revocation debts
  openDebts(filter: { readonly credential?: string; readonly issuer?: string }): Promise<readonly RevocationDebt[]>;
  debt(id: string): Promise<RevocationDebt | null>;
  payableDebts(limit: number): Promise<readonly string[]>;
  addDebt(debt: NewDebt, actor: Actor): Promise<RevocationDebt | null>;
  /** A debt for a key that nobody looks after. Null, and nothing changes, when it is in use, an open rotation works on it, or a debt of it is open. */
  addOrphan(debt: NewDebt, actor: Actor): Promise<RevocationDebt | null>;
  /** Makes a debt payable now that waits after a failure. False when it is settled, held by a worker, or was never tried. */
  hurryDebt(id: string, actor: Actor): Promise<boolean>;
  /** Null when somebody else holds it or it is settled or not payable yet. */
  leaseDebt(id: string, worker: string, ttlMs: number): Promise<HeldDebt | null>;
  /** Marks debt settled and key revoked, wakes its rotation, writes audit and notices: one transaction. */
  settleDebt(debt: RevocationDebt, worker: string, outcome: 'revoked' | 'gone', notices: Change['notices']): Promise<void>;
  postponeDebt(debt: RevocationDebt, worker: string, error: string, delayMs: number, notices: Change['notices']): Promise<void>;

  // names watched after a lost create
  watches(issuer?: string): Promise<readonly NameWatch[]>;
  /** Records the keys found as orphan debts, once each, but for those that somebody looks after. Answers which it recorded. */
  watchFound(watch: NameWatch, found: readonly NewDebt[]): Promise<readonly string[]>;
  dropExpiredWatches(): Promise<number>;

  // pauses
  setPause(pause: Omit<Pause, 'since'>): Promise<void>;
  /** Answers whether there was one. */
  clearPause(scope: Pause['scope'], name: string | null, actor: Actor): Promise<boolean>;
  pauses(): Promise<readonly Pause[]>;

  // audit
  audit(entry: AuditEntry): Promise<void>;
  /** Chains committed events that have no hash yet; one sealer at a time. Answers how many. */
  seal(limit: number): Promise<number>;
  /** The chain's recorded end; null before anything is sealed. Throws AUDIT_BROKEN when that record is missing or was changed. */
  auditHead(): Promise<Anchor | null>;
  /** Follows the whole chain; anchors that were kept elsewhere show what was cut off or replaced with its record. */
  verifyAudit(anchors?: readonly Anchor[]): Promise<AuditVerdict>;
  auditEvents(filter: { readonly credential?: string }, page: Page): Promise<readonly AuditEvent[]>;

  // outbox
  /** Notices that belong to no rotation's commit. De-duplicated by (channel, dedupeKey) within `quietMs`. */
  notify(notice: Notice, channels: readonly string[], quietMs: number): Promise<void>;
  /** Ids of the deliveries that are due (of one channel), the longest due first. Of an incident's messages to a channel the later one waits until the earlier is delivered or stuck. */
  deliverable(limit: number, channel?: string): Promise<readonly string[]>;
  /** Names of the channels to which anything is due, in order. */
  dueChannels(): Promise<readonly string[]>;
  leaseDelivery(id: string, worker: string, ttlMs: number): Promise<Delivery | null>;
  delivered(delivery: Delivery, receipt: string): Promise<void>;
  /** `delayMs` null: stuck for good (refused), shown until a person acts. */
  undelivered(delivery: Delivery, error: string, delayMs: number | null): Promise<void>;
  deliveries(filter: { readonly state?: Delivery['state'] }, page: Page): Promise<readonly Delivery[]>;
  /** Makes stuck deliveries of a channel wait again. */
  retryStuck(channel?: string): Promise<number>;
  /** How each channel fares that has something undelivered, in the order of their names. */
  channelLags(): Promise<readonly ChannelLag[]>;

  // what all workers share of time
  /** 0: one was taken from each of these buckets, which all workers share. Else nothing was taken, and it says after how long all may have one, milliseconds. */
  takePace(limits: readonly Limit[]): Promise<number>;
  /** That bucket gives nothing for so long, milliseconds. */
  restPace(limit: Limit, ms: number): Promise<void>;
  /** Remembers that something was done just now, by any worker. */
  noteDone(what: string): Promise<void>;
  /** How long ago it was last done, milliseconds; null for never. */
  sinceDone(what: string): Promise<number | null>;

  figures(): Promise<LedgerFigures>;
  /** Figures of the last and the next `spanMs`. */
  daily(spanMs: number): Promise<DailyFigures>;
  /** That it answers, and that no newer Keyturn has migrated it meanwhile. Throws LEDGER_UNREACHABLE, LEDGER_NEWER; so does every write. */
  ping(): Promise<void>;
  /** Embedded: makes everything acknowledged so far survive a power cut. PostgreSQL: does so by itself. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
