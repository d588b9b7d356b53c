/** The ledger's tables as SQL holds them: JSON columns are written as text, bigints arrive as text. */
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';
import type { DrillProof, DrillState } from '../core/drill.ts';
import type { LeakOutcome } from '../core/leak.ts';
import type { ResponseMode, ResponseState } from '../core/response.ts';
import type { DebtCause, KeyState, Path, RotationKind, RotationState } from '../core/vocabulary.ts';
import type { IncidentNews } from '../ports/channel.ts';
import type { LeakForm } from '../ports/leak-ledger.ts';
import type { Delivery, Pause } from '../ports/ledger.ts';

type Json = ColumnType<unknown, string, string>;
type MaybeJson = ColumnType<unknown, string | null | undefined, string | null>;
type Instant = ColumnType<Date, unknown, unknown>;
type MaybeInstant = ColumnType<Date | null, unknown, unknown>;

export interface Tables {
  meta: { key: string; value: Json };
  credentials: {
    name: string;
    issuer: string;
    owner: string | null;
    revision: string;
    plan: Json;
    declared: boolean;
    current_key_id: string | null;
    due_at: Instant;
    first_seen_at: Instant;
    last_rotated_at: MaybeInstant;
  };
  keys: {
    id: string;
    credential: string;
    issuer: string;
    issuer_key_id: string;
    name: string;
    prefix: string;
    fingerprint: string | null;
    scopes: Json;
    state: KeyState;
    proven: boolean;
    rotation_id: string | null;
    created_at: Instant;
    revoked_at: MaybeInstant;
  };
  rotations: {
    id: string;
    credential: string;
    issuer: string;
    kind: RotationKind;
    path: Path;
    state: RotationState;
    epoch: number;
    plan: Json;
    actor: Json;
    occurrence: MaybeInstant;
    /** The notes it was asked with: two emergencies with the same are one. */
    asked: Json;
    old_key_id: string | null;
    new_key_id: string | null;
    notes: Json;
    reason: string;
    message: string;
    created_at: Instant;
    state_since: Instant;
    wake_at: MaybeInstant;
    finished_at: MaybeInstant;
    paced_at: MaybeInstant;
    worker: string | null;
    /** When the present lease was taken. */
    leased_at: MaybeInstant;
    /** Null beside a worker: that worker is known to be dead. */
    lease_until: MaybeInstant;
    abort_asked: MaybeJson;
    resume_asked: MaybeJson;
  };
  transitions: {
    seq: Generated<string>;
    rotation_id: string;
    at: Instant;
    from_state: RotationState | null;
    to_state: RotationState;
    reason: string;
    message: string;
    epoch: number;
    worker: string;
  };
  location_locks: { location: string; rotation_id: string };
  slot_reservations: { rotation_id: string; issuer: string };
  debts: {
    id: string;
    credential: string;
    issuer: string;
    issuer_key_id: string;
    fingerprint: string | null;
    cause: DebtCause;
    rotation_id: string | null;
    attempts: Generated<number>;
    created_at: Instant;
    next_try_at: Instant;
    last_error: string | null;
    settled_at: MaybeInstant;
    outcome: string | null;
    alerted_at: MaybeInstant;
    worker: string | null;
    lease_until: MaybeInstant;
  };
  watches: { issuer: string; name: string; credential: string; rotation_id: string; until: Instant };
  pauses: { scope: Pause['scope']; name: string; actor: Json; since: Instant };
  audit: {
    id: Generated<string>;
    at: Instant;
    type: string;
    actor: Json;
    credential: string | null;
    rotation_id: string | null;
    key_id: string | null;
    detail: Json;
    pos: string | null;
    hash: string | null;
  };
  deliveries: {
    id: string;
    channel: string;
    notice: Json;
    dedupe_key: string;
    /** The rotation or debt whose notice it is; null for those of no rotation. */
    origin: string | null;
    state: Generated<Delivery['state']>;
    attempts: Generated<number>;
    created_at: Instant;
    next_try_at: Instant;
    delivered_at: MaybeInstant;
    receipt: string | null;
    last_error: string | null;
    worker: string | null;
    lease_until: MaybeInstant;
    /** The incident that it tells of, and how that stood; null for a message that stands alone. */
    incident: ColumnType<string | null, string | null | undefined, never>;
    incident_status: ColumnType<IncidentNews['status'] | null, string | null | undefined, never>;
  };
  /** All but id, version and record are generated from the record. */
  alerts: {
    id: string;
    version: number;
    record: Json;
    rule: GeneratedAlways<string>;
    subject: GeneratedAlways<string>;
    credential: GeneratedAlways<string | null>;
    incident: GeneratedAlways<string>;
    state: GeneratedAlways<string>;
    closed: GeneratedAlways<boolean>;
    ended_ms: GeneratedAlways<string | null>;
  };
  alert_channels: { channel: string; version: number; record: Json };
  silences: {
    id: string;
    matchers: Json;
    actor: Json;
    created_at: Instant;
    ends_at: Instant;
    ended_by: MaybeJson;
  };
  incident_reports: { incident: string; version: number; digest: Json; at: ColumnType<Date, never, never> };
  drills: {
    id: string;
    credential: string;
    issuer: string;
    state: Generated<DrillState>;
    actor: Json;
    occurrence: MaybeInstant;
    started_at: Instant;
    finished_at: MaybeInstant;
    minted_by: string | null;
    leaked_by: string | null;
    ended_by: string | null;
    verdict: MaybeJson;
    refused_by: DrillProof | null;
    revoke_ms: number | null;
    recover_ms: number | null;
  };
  usage_minutes: UsageCounts;
  usage_hours: UsageCounts;
  usage_callers: {
    key_id: string;
    source: string;
    address: string;
    agent: string;
    requests: string;
    failed: string;
    denied: string;
    first_seen: Instant;
    last_seen: Instant;
  };
  usage_needs: {
    key_id: string;
    source: string;
    need: string;
    requests: string;
    refused: string;
    first_seen: Instant;
    last_seen: Instant;
  };
  usage_sources: {
    source: string;
    cursor: MaybeJson;
    version: Generated<number>;
    seen_until: MaybeInstant;
    read_at: MaybeInstant;
    failing_since: MaybeInstant;
    last_error: string | null;
    unknown: Generated<string>;
    unknown_example: string | null;
    malformed: Generated<string>;
    malformed_example: string | null;
    malformed_at: MaybeInstant;
    scanned_until: MaybeInstant;
  };
  usage_watched: {
    credential: string;
    source: string;
    version: number;
    until: MaybeInstant;
    counts: Uint8Array | null;
    metric: MaybeJson;
    record: Json;
  };
  usage_batches: { source: string; id: string; at: Instant };
  leak_deliveries: { source: string; id: string; at: Instant; leaks: number; foreign_leaks: Generated<number>; malformed: number };
  leaks: {
    id: string;
    source: string;
    delivery: string;
    form: LeakForm;
    reported_at: Instant;
    found_at: MaybeInstant;
    url: string | null;
    detail: string | null;
    sought: string | null;
    key_id: string | null;
    credential: string | null;
    looks_like: string | null;
    intent: LeakOutcome | null;
    outcome: LeakOutcome | null;
    settled_at: MaybeInstant;
    rotation_id: string | null;
    message: string | null;
    attempts: Generated<number>;
    next_try_at: Instant;
    last_error: string | null;
    worker: string | null;
    lease_until: MaybeInstant;
  };
  responses: {
    id: string;
    alert: string;
    incident: string;
    rule: string;
    credential: string;
    issuer: string;
    key_id: string;
    mode: ResponseMode;
    policy: string;
    owner: string | null;
    said: Json;
    threads: Json;
    state: ResponseState;
    counted: boolean;
    opened_at: Instant;
    expires_at: MaybeInstant;
    decided_by: MaybeJson;
    decided_at: MaybeInstant;
    intent: LeakOutcome | null;
    rotation_id: string | null;
    message: string | null;
    attempts: Generated<number>;
    next_try_at: Instant;
    last_error: string | null;
    worker: string | null;
    lease_until: MaybeInstant;
  };
}

interface UsageCounts {
  key_id: string;
  source: string;
  at: ColumnType<Date, Date, Date>;
  requests: string;
  failed: string;
  denied: string;
  addresses: string;
}
