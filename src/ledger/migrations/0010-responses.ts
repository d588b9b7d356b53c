import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // What critical findings were answered with. counted: the breaker counts it. said: the finding, as people were told. threads: by channel, where.
  `create table keyturn.responses (
     id text collate "C" primary key,
     alert text collate "C" not null,
     incident text collate "C" not null,
     rule text not null,
     credential text collate "C" not null,
     issuer text collate "C" not null,
     key_id text collate "C" not null,
     mode text not null,
     policy text not null,
     owner text,
     said jsonb not null,
     threads jsonb not null,
     state text not null,
     counted boolean not null,
     opened_at timestamptz not null,
     expires_at timestamptz,
     decided_by jsonb,
     decided_at timestamptz,
     intent text,
     rotation_id text,
     message text,
     attempts integer not null default 0,
     next_try_at timestamptz not null,
     last_error text,
     worker text,
     lease_until timestamptz,
     unique (incident, key_id)
   )`,
  `create index responses_open on keyturn.responses (state, key_id) where state in ('waiting', 'accepted')`,
  `create index responses_opened on keyturn.responses (opened_at)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
