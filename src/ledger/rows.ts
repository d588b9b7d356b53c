/** From rows to the port's records. */
import type { Selectable } from 'kysely';
import type { CredentialPlan } from '../core/plan.ts';
import type { Actor, KeyRecord, Notice, RevocationDebt } from '../core/vocabulary.ts';
import type { IncidentNews } from '../ports/channel.ts';
import type { CredentialRecord, Delivery, DueCredential, NameWatch, Pause, Rotation, Transition } from '../ports/ledger.ts';
import type { UsageCaller, UsageCounts } from '../ports/usage-ledger.ts';
import type { Tables } from './tables.ts';

export type Row<T extends keyof Tables> = Selectable<Tables[T]>;

/** A row as `to_jsonb` gives it: instants are texts. */
export type JsonRow<T extends keyof Tables> = { readonly [C in keyof Row<T>]: Row<T>[C] extends Date ? string : Row<T>[C] extends Date | null ? string | null : Row<T>[C] };

function instant(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

export function keyOf(row: JsonRow<'keys'>): KeyRecord {
  return toKey({ ...row, created_at: new Date(row.created_at), revoked_at: instant(row.revoked_at) });
}

export function debtOf(row: JsonRow<'debts'>): RevocationDebt {
  const { created_at, next_try_at, settled_at, alerted_at, lease_until } = row;
  return toDebt({
    ...row, created_at: new Date(created_at), next_try_at: new Date(next_try_at), settled_at: instant(settled_at),
    alerted_at: instant(alerted_at), lease_until: instant(lease_until),
  });
}

export function rotationOf(row: JsonRow<'rotations'>): Rotation {
  const { occurrence, created_at, state_since, wake_at, finished_at, paced_at, lease_until, leased_at } = row;
  return toRotation({
    ...row, occurrence: instant(occurrence), created_at: new Date(created_at), state_since: new Date(state_since), wake_at: instant(wake_at),
    finished_at: instant(finished_at), paced_at: instant(paced_at), lease_until: instant(lease_until),
    leased_at: instant(leased_at),
  });
}

/** Null for SQL's infinities, which the drivers give as something that is no valid Date. */
function finite(at: unknown): Date | null {
  return at instanceof Date && !Number.isNaN(at.getTime()) ? at : null;
}

export function toRotation(row: Row<'rotations'>): Rotation {
  return {
    id: row.id,
    credential: row.credential,
    issuer: row.issuer,
    kind: row.kind,
    path: row.path,
    state: row.state,
    epoch: row.epoch,
    plan: row.plan as CredentialPlan,
    actor: row.actor as Actor,
    occurrence: row.occurrence,
    oldKeyId: row.old_key_id,
    newKeyId: row.new_key_id,
    notes: row.notes as Rotation['notes'],
    reason: row.reason,
    message: row.message,
    createdAt: row.created_at,
    stateSince: row.state_since,
    wakeAt: row.wake_at,
    finishedAt: row.finished_at,
    abortAsked: row.abort_asked as Actor | null,
    resumeAsked: row.resume_asked as Actor | null,
  };
}

export function toTransition(row: Row<'transitions'>): Transition {
  return {
    seq: Number(row.seq),
    rotationId: row.rotation_id,
    at: row.at,
    from: row.from_state,
    to: row.to_state,
    reason: row.reason,
    message: row.message,
    epoch: row.epoch,
    worker: row.worker,
  };
}

export function toKey(row: Row<'keys'>): KeyRecord {
  return {
    id: row.id,
    credential: row.credential,
    issuer: row.issuer,
    issuerKeyId: row.issuer_key_id,
    name: row.name,
    prefix: row.prefix,
    fingerprint: row.fingerprint,
    scopes: row.scopes as readonly string[],
    state: row.state,
    proven: row.proven,
    rotationId: row.rotation_id,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}

export function toCredential(row: Row<'credentials'>): CredentialRecord {
  return {
    name: row.name,
    issuer: row.issuer,
    owner: row.owner,
    revision: row.revision,
    plan: row.plan as CredentialPlan,
    declared: row.declared,
    currentKeyId: row.current_key_id,
    dueAt: finite(row.due_at),
    firstSeenAt: row.first_seen_at,
    lastRotatedAt: row.last_rotated_at,
  };
}

/** A credential's row beside those of its key and its newest rotation. */
interface DueRow extends Row<'credentials'> {
  readonly key_created_at: Date | null;
  readonly last_id: string | null;
  readonly last_state: Rotation['state'];
  readonly last_created_at: Date;
  readonly last_finished_at: Date | null;
  readonly last_renewed: boolean;
  readonly as_of: Date;
}

export function toDueCredential(row: DueRow): DueCredential {
  const { last_id: id, last_state: state, last_created_at: createdAt, last_finished_at: finishedAt, last_renewed: renewed } = row;
  return {
    ...toCredential(row),
    currentKey: row.key_created_at === null ? null : { createdAt: row.key_created_at },
    last: id === null ? null : { id, state, createdAt, finishedAt, renewed },
    asOf: row.as_of,
  };
}

export function toDebt(row: Row<'debts'>): RevocationDebt {
  return {
    id: row.id,
    credential: row.credential,
    issuer: row.issuer,
    issuerKeyId: row.issuer_key_id,
    fingerprint: row.fingerprint,
    cause: row.cause,
    rotationId: row.rotation_id,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextTryAt: row.next_try_at,
    lastError: row.last_error,
    settledAt: row.settled_at,
    alertedAt: row.alerted_at,
  };
}

export function toWatch(row: Row<'watches'>): NameWatch {
  return { issuer: row.issuer, credential: row.credential, name: row.name, rotationId: row.rotation_id, until: row.until };
}

export function toPause(row: Row<'pauses'>): Pause {
  return { scope: row.scope, name: row.name === '' ? null : row.name, actor: row.actor as Actor, since: row.since };
}

export function toDelivery(row: Row<'deliveries'>, before: Pick<IncidentNews, 'rootReceipt' | 'toldAs'> = { rootReceipt: null, toldAs: [] }): Delivery {
  return {
    id: row.id,
    channel: row.channel,
    notice: row.notice as Notice,
    state: row.state,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextTryAt: row.next_try_at,
    deliveredAt: row.delivered_at,
    receipt: row.receipt,
    lastError: row.last_error,
    incident: row.incident == null || row.incident_status == null ? null : { id: row.incident, status: row.incident_status, ...before },
  };
}

/** PostgreSQL's bigints arrive as text. */
export function countsOf({ requests, failed, denied }: { readonly requests: string; readonly failed: string; readonly denied: string }): UsageCounts {
  return { requests: Number(requests), failed: Number(failed), denied: Number(denied) };
}

export function toCaller(row: Row<'usage_callers'>): UsageCaller {
  return { keyId: row.key_id, source: row.source, address: row.address, agent: row.agent, ...countsOf(row), firstSeen: row.first_seen, lastSeen: row.last_seen };
}
