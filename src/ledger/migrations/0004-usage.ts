import { sql, type Kysely } from 'kysely';

const counts = (unit: 'minutes' | 'hours') => [
  // addresses: a sketch of how many different ones (src/core/distinct.ts), joined by OR.
  `create table keyturn.usage_${unit} (
     key_id text collate "C" not null,
     source text collate "C" not null,
     at timestamptz not null,
     requests bigint not null,
     failed bigint not null,
     denied bigint not null,
     addresses bit(512) not null,
     primary key (key_id, source, at)
   )`,
  `create index usage_${unit}_at on keyturn.usage_${unit} (at)`,
];

const STATEMENTS = [
  ...counts('minutes'),
  ...counts('hours'),
  // Who called with a key: the few that count, by requests and by time.
  `create table keyturn.usage_callers (
     key_id text collate "C" not null,
     source text collate "C" not null,
     address text collate "C" not null,
     agent text collate "C" not null,
     requests bigint not null,
     failed bigint not null,
     denied bigint not null,
     first_seen timestamptz not null,
     last_seen timestamptz not null,
     primary key (key_id, source, address, agent)
   )`,
  `create index usage_callers_seen on keyturn.usage_callers (last_seen)`,
  // How far each source has been read. unknown, malformed: what could not be counted, since ever.
  `create table keyturn.usage_sources (
     source text collate "C" primary key,
     cursor jsonb,
     version integer not null default 0,
     seen_until timestamptz,
     read_at timestamptz,
     failing_since timestamptz,
     last_error text,
     unknown bigint not null default 0,
     unknown_example text,
     malformed bigint not null default 0,
     malformed_example text
   )`,
  // Ids of pushed batches: one that is sent again counts once.
  `create table keyturn.usage_batches (
     source text collate "C" not null,
     id text collate "C" not null,
     at timestamptz not null,
     primary key (source, id)
   )`,
  `create index usage_batches_at on keyturn.usage_batches (at)`,
  `create index keys_prefix on keyturn.keys (prefix)`,
  `create index keys_issuer_key_id on keyturn.keys (issuer_key_id)`,
  `create index keys_fingerprint on keyturn.keys (fingerprint)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
