import { sql, type Kysely } from 'kysely';

const STATEMENTS = [
  // What people ask of a rotation, written without its lease; cleared by the worker that answers.
  `alter table keyturn.rotations add column abort_asked jsonb`,
  `alter table keyturn.rotations add column resume_asked jsonb`,
  // Since when the present worker has the lease, for the history when another takes over.
  `alter table keyturn.rotations add column leased_at timestamptz`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
