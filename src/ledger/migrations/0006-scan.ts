import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // What a scan remembers of a credential as one source sees it. counts, metric: states of detectors. Rows stay whole (a state is
  // just below the size at which parts move elsewhere), and pages keep room: each row changes once a scan.
  `create table keyturn.usage_watched (
     credential text collate "C" not null,
     source text collate "C" not null,
     version integer not null,
     until timestamptz,
     counts bytea,
     metric jsonb,
     record jsonb not null,
     primary key (source, credential)
   ) with (toast_tuple_target = 4080, fillfactor = 50)`,
  `alter table keyturn.usage_sources add column scanned_until timestamptz`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
