/**
 * What the control API and the CLI can ask of a worker. The API is a thin layer over this interface, the CLI over the
 * API; every answer is plain JSON (dates as ISO strings) with no secret in it. Errors are `KeyturnError`s.
 */
import type { AlertChanges, AlertQuestions } from './alert-operations.ts';
import type { DrillChanges, DrillQuestions } from './drills/operations.ts';
import type { IncidentQuestions } from './incident-operations.ts';
import type { LeakQuestions } from './leak-views.ts';
import type { BreakerView, ResponseChanges, ResponseQuestions } from './response-operations.ts';
import type { Anchor } from '../core/anchor.ts';
import type { Actor, NoticeKind, Severity } from '../core/vocabulary.ts';
import type { AuditVerdict, ChannelLag, LedgerFigures } from '../ports/ledger.ts';
import type { LaneCounts } from '../ports/queue.ts';
import type { SourceState, UsageCounts } from '../ports/usage-ledger.ts';

export interface RotationSummary {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly kind: string;
  readonly path: string;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly requestedBy: string;
  readonly why: string;
  readonly oldKey: KeyName | null;
  readonly newKey: KeyName | null;
  readonly createdAt: string;
  readonly stateSince: string;
  readonly wakeAt: string | null;
  readonly finishedAt: string | null;
  /** What a person can do, with the exact commands; empty while nobody is needed. */
  readonly todo: readonly string[];
}

export interface KeyName {
  readonly issuerKeyId: string;
  readonly name: string;
  readonly prefix: string;
}

export interface TransitionView {
  readonly seq: number;
  readonly at: string;
  readonly from: string | null;
  readonly to: string;
  readonly reason: string;
  readonly message: string;
  readonly epoch: number;
  readonly worker: string;
}

export interface RotationDetail extends RotationSummary {
  /** Transitions, and between them the lines of which neither state nor reason changes: `taken_over`, `asked_abort`, `asked_resume`. */
  readonly history: readonly TransitionView[];
  /** Open revocation debts of this rotation. */
  readonly debts: readonly DebtView[];
  /** Every name under which it asked for a key, oldest first; of the earliest only where they are remembered. */
  readonly attempts: readonly AttemptView[];
  /** Names at the issuer under which a lost create may still turn up. */
  readonly watches: readonly WatchView[];
  /** What was seen before a key was condemned, by what it is about. */
  readonly evidence: Readonly<Record<string, string>>;
  /** Who asked that it be given up, while that is still to be answered. */
  readonly abortAsked: { readonly by: string; readonly why: string } | null;
}

export interface AttemptView {
  readonly n: number;
  readonly name: string;
  readonly sentAt: string | null;
  /** `not sent`, `unknown` (its answer is not here yet or was lost), `minted`; of one that was given up `useless`, `unstaged`, `refused`, `lost`. */
  readonly outcome: string;
}

export interface WatchView {
  readonly name: string;
  readonly until: string;
}

export interface DebtView {
  readonly id: string;
  readonly credential: string;
  readonly issuerKeyId: string;
  readonly cause: string;
  readonly ageMs: number;
  readonly attempts: number;
  readonly nextTryAt: string;
  readonly lastError: string | null;
  /** What a person can do, once it is overdue; empty before. */
  readonly todo: readonly string[];
}

export interface CredentialStatus {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly policy: string;
  readonly currentKey: KeyName | null;
  readonly keyAgeMs: number | null;
  readonly dueAt: string | null;
  readonly lastRotatedAt: string | null;
  readonly openRotation: RotationSummary | null;
  readonly openDebts: number;
  readonly paused: boolean;
  /** `ok`, `rotating`, `blocked`, `waiting`, `paused`, `unbound`, `retired`. */
  readonly health: string;
  /** Who had its keys revoked without a replacement; null where nobody did, or it has a key again. */
  readonly retired: { readonly by: string; readonly why: string; readonly since: string; readonly rotationId: string } | null;
}

export interface StatusView {
  readonly version: string;
  readonly worker: string;
  readonly runtime: { readonly ledger: string; readonly queue: string };
  readonly installation: string;
  readonly startedAt: string;
  readonly credentials: readonly CredentialStatus[];
  readonly debts: readonly DebtView[];
  readonly pauses: readonly { readonly scope: string; readonly name: string | null; readonly by: string; readonly why: string; readonly since: string }[];
  readonly stuckDeliveries: readonly { readonly id: string; readonly channel: string; readonly title: string; readonly lastError: string | null }[];
  /** Channels to which something waits or was refused. */
  readonly channels: readonly ChannelLag[];
  /** Alerts that fire, but for those in `troubles`. */
  readonly alerts: { readonly firing: number; readonly critical: number };
  /** What keeps Keyturn from seeing or acting, as its own alerts have it: issuers, usage sources, the scan of usage. */
  readonly troubles: readonly { readonly rule: string; readonly title: string; readonly happened: string; readonly since: string }[];
  /** Of responses to findings. */
  readonly responses: BreakerView;
  readonly lanes: readonly LaneCounts[];
  readonly figures: LedgerFigures;
  readonly warnings: readonly string[];
}

export interface KeyView {
  readonly credential: string | null;
  readonly issuer: string;
  readonly issuerKeyId: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: string | null;
  readonly lastUsedAt: string | null;
  readonly requestsToday: number | null;
  /** 0..1, of today's requests. */
  readonly errorRate: number | null;
  /** A key state, `unmanaged` for keys that Keyturn did not make, `undeclared` for the live key of a credential that left the configuration. */
  readonly state: string;
  /** False when the issuer did not answer: last use and today's figures are unknown then, and unmanaged keys are not shown. */
  readonly issuerAnswered: boolean;
}

/** One key as one source saw it. */
export interface KeyUsageView {
  readonly issuerKeyId: string;
  readonly name: string;
  readonly prefix: string;
  readonly state: string;
  /** Null where no source saw the key in the span. */
  readonly source: string | null;
  readonly lastUsedAt: string | null;
  /** Since midnight UTC. */
  readonly today: UsageCounts;
  readonly span: UsageCounts;
  /** Most addresses in one minute (in one hour of a span beyond two days). */
  readonly mostAddresses: number;
  /** Requests by cell of the span, oldest first. */
  readonly cells: readonly number[];
}

export interface CallerView extends UsageCounts {
  readonly issuerKeyId: string;
  readonly keyState: string;
  readonly source: string;
  readonly address: string;
  readonly agent: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/** What the credential's keys were asked for, as one source tells, added up. */
export interface ScopeView {
  readonly source: string;
  /** The least scope that would have done, in the issuer's words; null where that is not known. */
  readonly scope: string | null;
  readonly requests: number;
  /** Of these: not allowed to the key. */
  readonly refused: number;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

export interface SourceView extends Pick<SourceState, 'source' | 'lastError' | 'unknown' | 'unknownExample' | 'malformed' | 'malformedExample'> {
  readonly seenUntil: string | null;
  readonly readAt: string | null;
  readonly failingSince: string | null;
}

export interface PushRequest {
  readonly source: string;
  /** What the sender showed; null for nothing. */
  readonly token: string | null;
  /** True where the way in is guard enough: the Unix socket. */
  readonly trusted: boolean;
  readonly body: Buffer;
  readonly gzip: boolean;
  /** The sender's own id of this batch. */
  readonly batchId: string | null;
}

export interface PushAnswer {
  /** Records that were taken; 0 where the batch is known already. */
  readonly records: number;
  readonly malformed: number;
  readonly example: string | null;
  readonly repeated: boolean;
}

/** A message that an issuer's service sends about itself. */
export interface IssuerEventRequest {
  readonly issuer: string;
  /** What the sender showed; null for nothing. */
  readonly token: string | null;
  /** True where the way in is guard enough: the Unix socket. */
  readonly trusted: boolean;
  readonly body: Buffer;
}

export interface IssuerEventAnswer {
  /** What kind of event it says that it is. */
  readonly event: string;
  /** False for a kind that Keyturn does not know, which changes nothing. */
  readonly known: boolean;
}

export interface UsageView {
  readonly credential: string;
  readonly from: string;
  readonly until: string;
  /** Width of a cell, milliseconds. */
  readonly cellMs: number;
  readonly keys: readonly KeyUsageView[];
  /** Those with most requests, of all its keys. */
  readonly callers: readonly CallerView[];
  /** As long as they are kept, whatever the span; empty where no source tells. */
  readonly scopes: readonly ScopeView[];
  readonly sources: readonly SourceView[];
}

export interface PlanEntry {
  readonly credential: string;
  /** `rotate`, `bootstrap`, `adopt`, `continue`, `retired`, `nothing`, `blocked`. */
  readonly action: string;
  /** When, ISO; null for now or never. */
  readonly at: string | null;
  /** A sentence for people: what would happen and why then. */
  readonly what: string;
  readonly steps: readonly string[];
  readonly blockedBy: readonly string[];
}

export interface Finding {
  /** `issuer`, `store`, `check`, `hook`, `break glass`, `usage source`, `leak source`, `scan`, `response`, `channel`, `ledger`, `queue`, `credential`, `drill`; of what is not in order `key`, `debt`, `store`, `rotation`, `watch`. */
  readonly subject: string;
  readonly name: string;
  readonly level: 'ok' | 'warning' | 'problem';
  /** What was found, what it means, what to do. */
  readonly message: string;
  /** What settling it would do; absent where there is nothing to settle. */
  readonly settle?: { readonly id: string; readonly does: string; readonly safe: string };
  /** Why settling leaves it alone. */
  readonly leftAlone?: string;
}

export interface SettledFinding {
  readonly id: string;
  /** `settled`; `in_order`: nothing of it was found any more; `left_alone`: it must not be touched (any more); `failed`. */
  readonly outcome: string;
  readonly detail: string;
}

export interface AuditView {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly who: string;
  readonly why: string;
  readonly credential: string | null;
  readonly rotationId: string | null;
  readonly keyId: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly hash: string | null;
}

export interface RequestedRotation {
  readonly rotation: RotationSummary;
  /** False when one was open already, which is returned instead. */
  readonly created: boolean;
}

/** How what was typed is to be read, and what follows. */
export interface RevokeOptions {
  /** Where it may be both. */
  readonly as?: 'credential' | 'key';
  /** Of a key id that two issuers know. */
  readonly issuer?: string;
  /** False: nothing is created in the place of what dies. True unless given. */
  readonly replace?: boolean;
}

/** One thing, or all of an owner. */
export interface RevokeQuestion extends RevokeOptions {
  readonly what?: string;
  readonly owner?: string;
}

export interface DoomedKey extends KeyName {
  readonly state: string;
  /** `revoked` at once; `revoked_later`, once nothing serves it; `served`, it stays; `dead` already. */
  readonly fate: string;
}

/** What a revocation would do, as the ledger has it now. */
export interface RevocationPlan {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly declared: boolean;
  readonly keys: readonly DoomedKey[];
  readonly places: readonly string[];
  /** It would be ended. */
  readonly openRotation: { readonly id: string; readonly kind: string; readonly state: string } | null;
  /** What comes after the revocation, a sentence or two. */
  readonly after: string;
}

export interface OwnedRevocation {
  readonly credential: string;
  /** Null where there was nothing to revoke, or it could not be asked for. */
  readonly requested: RequestedRotation | null;
  readonly nothing: boolean;
  readonly problem: string | null;
}

export interface AskedRotation {
  readonly rotation: RotationSummary;
  /** True when it was asked before, or is on its way back anyway. */
  readonly already: boolean;
  /** What happens now, sentences for people. */
  readonly next: readonly string[];
}

export interface RotateRequest {
  readonly credentials?: readonly string[];
  readonly owner?: string;
}

export interface AdoptRequest {
  readonly credential: string;
  readonly keyId?: string;
  readonly name?: string;
}

export interface PauseRequest {
  readonly scope: 'all' | 'issuer' | 'credential';
  readonly name: string | null;
}

export interface PublishResult {
  readonly place: string;
  readonly outcome: 'published' | 'already' | 'failed';
  readonly detail: string;
}

export interface NotifyTest {
  readonly channel: string;
  readonly kind: NoticeKind;
  readonly severity: Severity;
}

/** A record of a revocation past the worker, and what came of bringing it. */
export interface BreakGlassTaken {
  readonly id: string;
  readonly issuer: string;
  readonly keyId: string;
  /** `taken`, `already` (it was taken in before), or `not_dead`: nothing was taken in, since the issuer does not say that the key is dead. */
  readonly outcome: string;
  readonly detail: string;
  readonly credential: string | null;
  /** The emergency rotation that replaces the key; null where none is needed. */
  readonly rotationId: string | null;
}

/** Read-only questions; they never change anything, in the ledger or outside. */
export interface Questions extends AlertQuestions, LeakQuestions, IncidentQuestions, ResponseQuestions, DrillQuestions {
  status(): Promise<StatusView>;
  plan(credential?: string): Promise<readonly PlanEntry[]>;
  keys(filter: { readonly credential?: string; readonly issuer?: string }): Promise<readonly KeyView[]>;
  /** What a revocation would do, from the ledger alone. Throws as `revoke`. */
  revocationPlan(question: RevokeQuestion): Promise<readonly RevocationPlan[]>;
  /** Usage of a credential's keys in the last `sinceMs` (a day unless given). Throws UNKNOWN_CREDENTIAL. */
  usage(request: { readonly credential: string; readonly sinceMs?: number }): Promise<UsageView>;
  rotations(filter: { readonly credential?: string; readonly open?: boolean; readonly limit?: number }): Promise<readonly RotationSummary[]>;
  rotation(idOrPrefix: string): Promise<RotationDetail>;
  audit(filter: { readonly credential?: string; readonly limit?: number }): Promise<readonly AuditView[]>;
  /** Holds the chain against anchors kept elsewhere too, when given. */
  verifyAudit(anchors?: readonly Anchor[]): Promise<AuditVerdict>;
  doctor(): Promise<readonly Finding[]>;
}

/** Changes; each is recorded with its actor in the audit log. */
export interface Operations extends Questions, AlertChanges, ResponseChanges, DrillChanges {
  /** Throws UNKNOWN_CREDENTIAL for any unknown name before requesting anything; PAUSED where paused. */
  rotate(request: RotateRequest, actor: Actor): Promise<readonly RequestedRotation[]>;
  /**
   * Emergency, of a credential or of one key by its id. Throws UNKNOWN_CREDENTIAL, UNKNOWN_NAME for a key that is none of ours, USAGE where
   * it may mean two things, ALREADY_REVOKED where nothing is left to revoke, BLOCKED where a key cannot be bound first.
   */
  revoke(what: string, actor: Actor, options?: RevokeOptions): Promise<RequestedRotation>;
  /** The same of every credential of an owner; one that cannot be revoked keeps no other back. Throws UNKNOWN_NAME. */
  revokeOwned(owner: string, replace: boolean, actor: Actor): Promise<readonly OwnedRevocation[]>;
  adopt(request: AdoptRequest, actor: Actor): Promise<KeyView>;
  pause(request: PauseRequest, actor: Actor): Promise<void>;
  resume(request: PauseRequest, actor: Actor): Promise<{ readonly wasPaused: boolean }>;
  /** Asks that a rotation be given up; its worker does so at its next step. Throws UNKNOWN_NAME, ROTATION_ENDED, NO_WAY_BACK. */
  abortRotation(idOrPrefix: string, actor: Actor): Promise<AskedRotation>;
  /** Has a rotation look again now, whatever it backs off from. Throws UNKNOWN_NAME, ROTATION_ENDED. */
  resumeRotation(idOrPrefix: string, actor: Actor): Promise<AskedRotation>;
  publish(credential: string, actor: Actor): Promise<readonly PublishResult[]>;
  /** Settles findings of `doctor` by their ids, in turn; each is looked at again right before it is touched. */
  settle(ids: readonly string[], actor: Actor): Promise<readonly SettledFinding[]>;
  /** Takes in a break-glass record, as text. `unsigned`: the actor vouches for one without a signature. Throws RECORD_REFUSED. */
  takeRecord(request: { readonly record: string; readonly unsigned: boolean }, actor: Actor): Promise<BreakGlassTaken>;
  retryDeliveries(channel: string | null, actor: Actor): Promise<{ readonly retried: number }>;
  reload(actor: Actor): Promise<{ readonly applied: boolean; readonly problems: readonly string[] }>;
}

/** What probes and metrics need, apart from the operations. */
export interface Health {
  /** Alive: the event loop answers. */
  live(): boolean;
  /** Ready: ledger and queue answer, credentials are declared. Names what does not. */
  ready(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
  /** Prometheus text exposition. */
  metrics(): Promise<string>;
}
