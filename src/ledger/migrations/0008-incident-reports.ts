import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // What people were told of each incident, version by version. digest: the gist of it, by which news are judged (src/incidents/digest.ts).
  `create table keyturn.incident_reports (
     incident text collate "C" not null,
     version integer not null,
     digest jsonb not null,
     at timestamptz not null,
     primary key (incident, version)
   )`,
  `create index rotations_emergency on keyturn.rotations (id) where kind = 'emergency'`,
  `create index audit_of_rotation on keyturn.audit (rotation_id) where rotation_id is not null`,
  // Of what was over before there were reports nobody is told any more: version 0 stands for that.
  `insert into keyturn.incident_reports (incident, version, digest, at)
   select id, 0, '{}', finished_at from keyturn.rotations where kind = 'emergency' and finished_at is not null`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
