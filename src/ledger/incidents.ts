/** Incidents: emergency rotations, what belongs to them, and the reports that people were sent. */
import { sql } from 'kysely';
import { scrub } from '../core/secret.ts';
import type { IncidentLedger, ToldReport } from '../ports/incident-ledger.ts';
import { toAuditEvent, type AuditRow } from './audit.ts';
import { because, Refused, type Batch } from './batch.ts';
import { noticeStatements } from './outbox.ts';
import { toRotation, type Row } from './rows.ts';
import { OF_DRILL } from './drills.ts';
import type { Methods } from './schema-fence.ts';
import { AT_NOW, statement } from './statement.ts';
import { bounded, json, nowPlus, oneOf, type Db } from './sql.ts';

const MOST_EVENTS = 1_000;

export const INCIDENT_METHODS: Methods<IncidentLedger> = { emergencies: 'reads', toldOf: 'reads', auditOf: 'reads', toReport: 'reads', record: 'writes' };

export function incidentMethods(db: Db, batch: Batch): IncidentLedger {
  return {
    async emergencies({ credential }, page) {
      let query = db.selectFrom('rotations').selectAll().where('kind', '=', 'emergency');
      query = credential === undefined ? query.where(sql<boolean>`not ${OF_DRILL}`) : query.where('credential', '=', credential);
      if (page.before !== undefined) query = query.where('id', '<', page.before);
      return (await query.orderBy('id', 'desc').limit(bounded(page)).execute()).map(toRotation);
    },
    toldOf: (incidents) => toldOf(db, incidents),
    async auditOf(rotationId) {
      const { rows } = await sql<AuditRow & { seq: string }>`
        with places as (
          select id, (select coalesce(max(pos), 0) from keyturn.audit) + row_number() over (order by id) as seq from keyturn.audit where pos is null
        )
        select a.*, coalesce(a.pos, p.seq) as seq from keyturn.audit a left join places p using (id)
        where a.rotation_id = ${rotationId} order by seq desc limit ${sql.lit(MOST_EVENTS)}`.execute(db);
      return rows.map((row) => toAuditEvent(row, Number(row.seq))).toReversed();
    },
    async toReport({ followedMs }, page) {
      const never = sql<boolean>`not exists (select from keyturn.incident_reports t where t.incident = rotations.id)`;
      const lately = sql<boolean>`exists (select from keyturn.incident_reports t where t.incident = rotations.id and t.version = 1 and t.at > ${nowPlus(-(followedMs ?? 0))})`;
      const query = db.selectFrom('rotations').selectAll().where('kind', '=', 'emergency').where(sql<boolean>`not ${OF_DRILL}`).where('id', '>', page.after ?? '');
      const rows = await query.where(followedMs === undefined ? never : sql<boolean>`(${never} or ${lately})`).orderBy('id').limit(bounded(page)).execute();
      const told = await toldOf(db, rows.map(({ id }) => id));
      return rows.map((row) => ({ rotation: toRotation(row), told: told.get(row.id) ?? null }));
    },
    async record({ incident, version, digest }, notice) {
      const write = statement`
        with written as (
          insert into keyturn.incident_reports (incident, version, digest, at)
          values (${incident}, ${version}::int, ${scrub(json(digest))}::jsonb, ${AT_NOW}) on conflict do nothing returning 1)
        select case when not exists (select from written) then keyturn.refuse(${because({ outcome: 'already' })}) end`;
      try {
        await batch([write, ...(notice === null ? [] : noticeStatements([notice], `report:${incident}`))]);
        return 'recorded';
      } catch (error) {
        if (error instanceof Refused) return 'already';
        throw error;
      }
    },
  };
}

async function toldOf(db: Db, incidents: readonly string[]): Promise<ReadonlyMap<string, ToldReport>> {
  if (incidents.length === 0) return new Map();
  const rows = await db.selectFrom('incident_reports').selectAll().distinctOn('incident').where('incident', '=', oneOf(incidents)).orderBy('incident').orderBy('version', 'desc').execute();
  return new Map(rows.map((row) => [row.incident, toTold(row)]));
}

function toTold({ incident, version, digest, at }: Row<'incident_reports'>): ToldReport {
  return { incident, version, digest, at };
}
