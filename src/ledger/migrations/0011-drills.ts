import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // Each try of the emergency path with a throw-away key. minted_by, leaked_by, ended_by: the rotations that it asked for. verdict: why it does not pass.
  `create table keyturn.drills (
     id text collate "C" primary key,
     credential text collate "C" not null,
     issuer text collate "C" not null,
     state text not null default 'running' check (state in ('running', 'passed', 'failed', 'given_up')),
     actor jsonb not null,
     occurrence timestamptz,
     started_at timestamptz not null,
     finished_at timestamptz,
     minted_by text,
     leaked_by text,
     ended_by text,
     verdict jsonb,
     refused_by text check (refused_by in ('call', 'list')),
     revoke_ms double precision,
     recover_ms double precision,
     check ((state = 'running') = (finished_at is null))
   )`,
  // One at a time at an issuer, which has few free slots; and one an occurrence.
  `create unique index drills_open on keyturn.drills (issuer) where finished_at is null`,
  `create unique index drills_occurrence on keyturn.drills (credential, occurrence) where occurrence is not null`,
  `create index drills_of on keyturn.drills (credential, id)`,
  `create index credentials_drilled on keyturn.credentials (name) where declared and jsonb_exists(plan -> 'policy', 'drill')`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
