import { sql, type Kysely } from 'kysely';

/** Ids are ULIDs: compared byte by byte, they sort by the time they were made. */
const STATEMENTS = [
  // Every statement that needs the time takes it from here, so that all workers share one clock.
  `create function keyturn.now() returns timestamptz language sql volatile as 'select clock_timestamp()'`,

  `create table keyturn.meta (key text primary key, value jsonb not null)`,

  // due_at: '-infinity' while nobody has computed it, 'infinity' for never.
  `create table keyturn.credentials (
     name text collate "C" primary key,
     issuer text not null,
     owner text,
     revision text not null,
     plan jsonb not null,
     declared boolean not null,
     current_key_id text collate "C",
     due_at timestamptz not null default '-infinity',
     first_seen_at timestamptz not null,
     last_rotated_at timestamptz
   )`,
  `create index credentials_due on keyturn.credentials (due_at) where declared`,

  `create table keyturn.keys (
     id text collate "C" primary key,
     credential text collate "C" not null,
     issuer text not null,
     issuer_key_id text not null,
     name text not null,
     prefix text not null,
     fingerprint text,
     scopes jsonb not null,
     state text not null,
     proven boolean not null,
     rotation_id text collate "C",
     created_at timestamptz not null,
     revoked_at timestamptz,
     unique (issuer, issuer_key_id)
   )`,
  `create index keys_of_credential on keyturn.keys (credential, created_at desc)`,
  `create index keys_state on keyturn.keys (state)`,

  `create table keyturn.rotations (
     id text collate "C" primary key,
     credential text collate "C" not null,
     issuer text not null,
     kind text not null,
     path text not null,
     state text not null,
     epoch integer not null default 0,
     plan jsonb not null,
     actor jsonb not null,
     occurrence timestamptz,
     asked jsonb not null,
     old_key_id text collate "C",
     new_key_id text collate "C",
     notes jsonb not null,
     reason text not null,
     message text not null,
     created_at timestamptz not null,
     state_since timestamptz not null,
     wake_at timestamptz,
     finished_at timestamptz,
     paced_at timestamptz,
     worker text,
     lease_until timestamptz
   )`,
  `create unique index rotations_one_open on keyturn.rotations (credential) where finished_at is null`,
  `create unique index rotations_one_answer on keyturn.rotations (credential, occurrence) where occurrence is not null`,
  `create index rotations_wake on keyturn.rotations (wake_at) where finished_at is null`,
  `create index rotations_paced on keyturn.rotations (issuer, paced_at) where paced_at is not null`,
  `create index rotations_of_credential on keyturn.rotations (credential, id)`,
  `create index rotations_state on keyturn.rotations (state)`,

  `create table keyturn.transitions (
     seq bigint generated always as identity primary key,
     rotation_id text collate "C" not null references keyturn.rotations (id),
     at timestamptz not null,
     from_state text,
     to_state text not null,
     reason text not null,
     message text not null,
     epoch integer not null,
     worker text not null
   )`,
  `create index transitions_of_rotation on keyturn.transitions (rotation_id, seq)`,

  `create table keyturn.location_locks (
     location text primary key,
     rotation_id text collate "C" not null references keyturn.rotations (id)
   )`,
  `create index location_locks_of_rotation on keyturn.location_locks (rotation_id)`,
  `create table keyturn.slot_reservations (
     rotation_id text collate "C" primary key references keyturn.rotations (id),
     issuer text not null
   )`,
  `create index slot_reservations_of_issuer on keyturn.slot_reservations (issuer)`,

  `create table keyturn.debts (
     id text collate "C" primary key,
     credential text collate "C" not null,
     issuer text not null,
     issuer_key_id text not null,
     fingerprint text,
     cause text not null,
     rotation_id text collate "C",
     attempts integer not null default 0,
     created_at timestamptz not null,
     next_try_at timestamptz not null,
     last_error text,
     settled_at timestamptz,
     outcome text,
     alerted_at timestamptz,
     worker text,
     lease_until timestamptz
   )`,
  `create unique index debts_one_open on keyturn.debts (issuer, issuer_key_id) where settled_at is null`,
  `create index debts_payable on keyturn.debts (next_try_at) where settled_at is null`,
  `create index debts_open_of_credential on keyturn.debts (credential) where settled_at is null`,
  `create index debts_of_key on keyturn.debts (issuer, issuer_key_id)`,

  `create table keyturn.watches (
     issuer text not null,
     name text not null,
     credential text collate "C" not null,
     rotation_id text collate "C" not null,
     until timestamptz not null,
     primary key (issuer, name)
   )`,
  `create index watches_until on keyturn.watches (until)`,

  `create table keyturn.pauses (
     scope text not null,
     name text not null,
     actor jsonb not null,
     since timestamptz not null,
     primary key (scope, name)
   )`,

  // id says in which order rows were inserted; pos and hash are given by the sealer, in the order it saw them committed.
  `create table keyturn.audit (
     id bigint generated always as identity primary key,
     at timestamptz not null,
     type text not null,
     actor jsonb not null,
     credential text collate "C",
     rotation_id text collate "C",
     key_id text collate "C",
     detail jsonb not null,
     pos bigint unique,
     hash text
   )`,
  `create index audit_unsealed on keyturn.audit (id) where pos is null`,
  `create index audit_of_credential on keyturn.audit (credential, pos)`,
  `create function keyturn.audit_is_append_only() returns trigger language plpgsql as $$
   begin
     if tg_op = 'UPDATE' and old.pos is null and old.hash is null and new.pos is not null and new.hash is not null
        and (new.id, new.at, new.type, new.actor, new.detail) is not distinct from (old.id, old.at, old.type, old.actor, old.detail)
        and (new.credential, new.rotation_id, new.key_id) is not distinct from (old.credential, old.rotation_id, old.key_id)
     then
       return new;
     end if;
     raise exception 'the audit log is append-only: % refused', tg_op;
   end $$`,
  `create trigger audit_rows before update or delete on keyturn.audit
     for each row execute function keyturn.audit_is_append_only()`,
  `create trigger audit_table before truncate on keyturn.audit
     for each statement execute function keyturn.audit_is_append_only()`,

  `create table keyturn.deliveries (
     id text collate "C" primary key,
     channel text not null,
     notice jsonb not null,
     dedupe_key text not null,
     origin text,
     state text not null default 'waiting',
     attempts integer not null default 0,
     created_at timestamptz not null,
     next_try_at timestamptz not null,
     delivered_at timestamptz,
     receipt text,
     last_error text,
     worker text,
     lease_until timestamptz
   )`,
  `create unique index deliveries_once on keyturn.deliveries (origin, channel, dedupe_key) where origin is not null`,
  `create index deliveries_waiting on keyturn.deliveries (next_try_at) where state = 'waiting'`,
  `create index deliveries_stuck on keyturn.deliveries (channel) where state = 'stuck'`,
  `create index deliveries_recent on keyturn.deliveries (channel, dedupe_key, created_at desc)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
