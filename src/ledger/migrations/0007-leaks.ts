import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // Each delivery once, by its content. foreign_leaks: secrets that are none of ours, of which nothing else is kept.
  `create table keyturn.leak_deliveries (
     source text collate "C" not null,
     id text collate "C" not null,
     at timestamptz not null,
     leaks integer not null,
     foreign_leaks integer not null default 0,
     malformed integer not null,
     primary key (source, id)
   )`,
  `create index leak_deliveries_at on keyturn.leak_deliveries (at)`,
  // sought: a hash or a reference, until the key is found or found to be none of ours. Never a value.
  `create table keyturn.leaks (
     id text collate "C" primary key,
     source text collate "C" not null,
     delivery text collate "C" not null,
     form text not null,
     reported_at timestamptz not null,
     found_at timestamptz,
     url text,
     detail text,
     sought text,
     key_id text collate "C",
     credential text collate "C",
     looks_like text,
     intent text,
     outcome text,
     settled_at timestamptz,
     rotation_id text,
     message text,
     attempts integer not null default 0,
     next_try_at timestamptz not null,
     last_error text,
     worker text,
     lease_until timestamptz
   )`,
  `create index leaks_waiting on keyturn.leaks (next_try_at) where outcome is null`,
  `create index leaks_credential on keyturn.leaks (credential, id)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
