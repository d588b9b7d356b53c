import { sql, type Kysely } from 'kysely';

const fromRecord = (column: string, type: string, expression: string) => `${column} ${type} generated always as (${expression}) stored`;

const STATEMENTS = [
  // record: the alert as src/core/alert.ts has it. version: of the last write, the record's own is not looked at.
  `create table keyturn.alerts (
     id text collate "C" primary key,
     version integer not null,
     record jsonb not null,
     ${[
       fromRecord('rule', 'text', `record->'finding'->>'rule'`),
       fromRecord('subject', 'text', `record->'finding'->>'subject'`),
       fromRecord('credential', 'text', `record->'finding'->>'credential'`),
       fromRecord('incident', 'text', `record->>'incident'`),
       fromRecord('state', 'text', `record->>'state'`),
       // It has ended, and people who heard of it have heard so.
       fromRecord('closed', 'boolean', `record->>'state' in ('resolved', 'expired') and coalesce(record->'told'->>'over', 'true') = 'true'`),
       fromRecord('ended_ms', 'bigint', `(record->>'endedAt')::bigint`),
     ].join(',\n     ')}
   )`,
  // One at a time for each rule and subject: whoever comes second finds the first.
  `create unique index alerts_once on keyturn.alerts (rule, subject) where state in ('pending', 'firing', 'recovering')`,
  `create index alerts_open on keyturn.alerts (id) where not closed`,
  `create index alerts_incident on keyturn.alerts (incident)`,
  `create index alerts_credential on keyturn.alerts (credential, id)`,
  `create index alerts_ended on keyturn.alerts (ended_ms) where closed`,
  // What storm control knows of each channel.
  `create table keyturn.alert_channels (
     channel text collate "C" primary key,
     version integer not null,
     record jsonb not null
   )`,
  `create table keyturn.silences (
     id text collate "C" primary key,
     matchers jsonb not null,
     actor jsonb not null,
     created_at timestamptz not null,
     ends_at timestamptz not null,
     ended_by jsonb
   )`,
  `create index silences_ends on keyturn.silences (ends_at)`,
  `alter table keyturn.deliveries add column incident text, add column incident_status text`,
  `create index deliveries_incident on keyturn.deliveries (incident, channel, created_at) where incident is not null`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
