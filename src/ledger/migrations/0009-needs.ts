import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // What was asked of a key's scopes. need: the least scope that would do, empty where that is not known. refused: of the requests, not allowed to that key.
  `create table keyturn.usage_needs (
     key_id text collate "C" not null,
     source text collate "C" not null,
     need text collate "C" not null,
     requests bigint not null,
     refused bigint not null,
     first_seen timestamptz not null,
     last_seen timestamptz not null,
     primary key (key_id, source, need)
   )`,
  `create index usage_needs_seen on keyturn.usage_needs (last_seen)`,
  // When records could not be used last: until long after, what the source tells is not all that happened.
  `alter table keyturn.usage_sources add column malformed_at timestamptz`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
