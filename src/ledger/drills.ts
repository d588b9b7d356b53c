/** Drills: their rows, and the rotations that they ask for. A drill that is over asks for nothing any more. */
import { sql, type Selectable } from 'kysely';
import type { DrillState, DrillStep, DrillVerdict } from '../core/drill.ts';
import { drillCredential } from '../core/drill.ts';
import type { CredentialPlan } from '../core/plan.ts';
import { scrub } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { BeginOutcome, Drill, DrillLedger, DrillSchedule, NewDrill } from '../ports/drill-ledger.ts';
import type { Change, NewRotation, Rotation } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { noticeStatements } from './outbox.ts';
import { requestWithin } from './request.ts';
import type { Methods } from './schema-fence.ts';
import type { Tables } from './tables.ts';
import { NOW, bounded, inTransaction, json, runIn, type Db, type Tx } from './sql.ts';

export const DRILL_METHODS: Methods<DrillLedger> = {
  drill: 'reads', drills: 'reads', latest: 'reads', emergencyAt: 'reads', schedules: 'reads',
  begin: 'writes', refuse: 'writes', request: 'fenced', judge: 'writes', noteProof: 'writes', finish: 'writes',
};

const COLUMNS = { mint: 'minted_by', leak: 'leaked_by', end: 'ended_by' } as const satisfies Record<DrillStep, keyof Tables['drills']>;
/** Drills and what belongs to them, as `isDrill` tells them. */
export const OF_DRILL = sql<boolean>`credential like 'drill:%'`;

type Notices = NonNullable<Change['notices']>;

export function drillMethods(db: Db): DrillLedger {
  return {
    begin: (drill, plan) => inTransaction(db, (tx) => begin(tx, drill, plan)),
    refuse: (drill, verdict, notices) => inTransaction(db, (tx) => refuse(tx, drill, verdict, notices)),
    async drill(idOrPrefix) {
      const rows = await db.selectFrom('drills').selectAll().where(sql<boolean>`starts_with(id, ${idOrPrefix.toUpperCase()})`).limit(2).execute();
      const row = rows.find(({ id }) => id === idOrPrefix.toUpperCase()) ?? (rows.length === 1 ? rows[0] : undefined);
      return row === undefined ? null : toDrill(row);
    },
    async drills({ credential, open }, page) {
      let query = db.selectFrom('drills').selectAll();
      if (credential !== undefined) query = query.where('credential', '=', credential);
      if (open === true) query = query.where('finished_at', 'is', null);
      if (page.before !== undefined) query = query.where('id', '<', page.before);
      return (await query.orderBy('id', 'desc').limit(bounded(page)).execute()).map(toDrill);
    },
    async latest() {
      const rows = await db.selectFrom('drills').selectAll().distinctOn('credential').where('finished_at', 'is not', null)
        .where(sql<boolean>`credential in (select name from keyturn.credentials where declared)`).orderBy('credential').orderBy('id', 'desc').execute();
      return rows.map(toDrill);
    },
    request: (drill, step, before, asked) => inTransaction(db, (tx) => request(tx, { drill, step, before, asked })),
    judge: (drill, verdict, notices) => inTransaction(db, (tx) => judge(tx, drill, verdict, notices)),
    async noteProof(drill, proof) {
      await db.updateTable('drills').set({ refused_by: proof }).where('id', '=', drill).where('finished_at', 'is', null).execute();
    },
    finish: (drill, figures, notices) => inTransaction(db, (tx) => finish(tx, drill, figures, notices)),
    async emergencyAt(issuer) {
      const row = await db.selectFrom('rotations').select('credential').where('kind', '=', 'emergency').where('finished_at', 'is', null).where('issuer', '=', issuer)
        .where(sql<boolean>`not ${OF_DRILL}`).orderBy('id').limit(1).executeTakeFirst();
      return row?.credential ?? null;
    },
    schedules: () => schedules(db),
  };
}

async function begin(tx: Tx, drill: NewDrill, plan: CredentialPlan): Promise<BeginOutcome> {
  const inserted = await insert(tx, drill, {});
  if (inserted === null) {
    const open = await tx.selectFrom('drills').selectAll().where('issuer', '=', drill.issuer).where('finished_at', 'is', null).executeTakeFirst();
    return open === undefined ? { outcome: 'answered' } : { outcome: 'open', drill: toDrill(open) };
  }
  await sql`
    insert into keyturn.credentials as c (name, issuer, owner, revision, plan, declared, due_at, first_seen_at)
    values (${drillCredential(drill.credential)}, ${drill.issuer}, null, ${drill.id}, ${json(plan)}::jsonb, false, 'infinity', ${NOW})
    on conflict (name) do update set issuer = excluded.issuer, revision = excluded.revision, plan = excluded.plan, declared = false, due_at = 'infinity'`.execute(tx);
  await audit(tx, 'drill.begun', drill.actor, inserted, {});
  return { outcome: 'begun', drill: inserted };
}

async function refuse(tx: Tx, drill: NewDrill, verdict: DrillVerdict, notices: Notices): Promise<'recorded' | 'already'> {
  const inserted = await insert(tx, drill, { state: verdict.state, verdict: scrub(json(verdict)), finished_at: NOW });
  if (inserted === null) return 'already';
  await tell(tx, 'refused', notices);
  await audit(tx, 'drill.refused', drill.actor, inserted, { why: verdict.why });
  return 'recorded';
}

async function insert(tx: Tx, { id, credential, issuer, actor, occurrence }: NewDrill, more: Readonly<Record<string, unknown>>): Promise<Drill | null> {
  const row = await tx.insertInto('drills').values({ id, credential, issuer, actor: scrub(json(actor)), occurrence, started_at: NOW, ...more })
    .onConflict((conflict) => conflict.doNothing()).returningAll().executeTakeFirst();
  return row === undefined ? null : toDrill(row);
}

interface Request {
  readonly drill: string;
  readonly step: DrillStep;
  readonly before: string | null;
  readonly asked: NewRotation;
}

/** The row lock keeps a worker that froze from asking for a key once the drill is over. */
async function request(tx: Tx, { drill, step, before, asked }: Request): Promise<Rotation | null> {
  const column = COLUMNS[step];
  const row = await tx.selectFrom('drills').selectAll().where('id', '=', drill).where('finished_at', 'is', null).forUpdate().executeTakeFirst();
  if (row === undefined || row[column] !== before) return null;
  const { rotation } = await requestWithin(tx, asked);
  await tx.updateTable('drills').set({ [column]: rotation.id }).where('id', '=', drill).execute();
  return rotation;
}

async function judge(tx: Tx, drill: string, verdict: DrillVerdict, notices: Notices): Promise<'recorded' | 'already'> {
  const row = await tx.updateTable('drills').set({ verdict: scrub(json(verdict)) }).where('id', '=', drill).where('finished_at', 'is', null).where('verdict', 'is', null).returningAll().executeTakeFirst();
  if (row === undefined) return 'already';
  await tell(tx, drill, notices);
  return 'recorded';
}

async function finish(tx: Tx, drill: string, { revokeMs, recoverMs }: Pick<Drill, 'revokeMs' | 'recoverMs'>, notices: Notices): Promise<'recorded' | 'already'> {
  const row = await tx.updateTable('drills')
    .set({ finished_at: NOW, state: sql<DrillState>`coalesce(verdict ->> 'state', 'passed')`, revoke_ms: revokeMs, recover_ms: recoverMs })
    .where('id', '=', drill).where('finished_at', 'is', null).returningAll().executeTakeFirst();
  if (row === undefined) return 'already';
  const over = toDrill(row);
  await tell(tx, drill, notices);
  await audit(tx, 'drill.finished', over.actor, over, { state: over.state, revokeMs, recoverMs, refusedBy: over.refusedBy, ...(over.verdict === null ? {} : { why: over.verdict.why }) });
  return 'recorded';
}

async function tell(tx: Tx, of: string, notices: Notices): Promise<void> {
  for (const one of noticeStatements(notices, `drill:${of}`)) await runIn(tx, one);
}

async function audit(tx: Tx, type: string, actor: Actor, { id, credential }: Drill, detail: Readonly<Record<string, unknown>>): Promise<void> {
  await appendAudit(tx, [{ type, actor, credential, rotationId: null, keyId: null, detail: { drill: id, ...detail } }]);
}

async function schedules(db: Db): Promise<readonly DrillSchedule[]> {
  const { rows } = await sql<{ name: string; issuer: string; cron: string; timezone: string; first_seen_at: Date; started_at: Date | null; state: DrillState | null }>`
    select c.name, c.issuer, c.plan -> 'policy' ->> 'drill' as cron, c.plan -> 'policy' ->> 'timezone' as timezone, c.first_seen_at, d.started_at, d.state
    from keyturn.credentials c left join lateral (select started_at, state from keyturn.drills d where d.credential = c.name order by d.id desc limit 1) d on true
    where c.declared and jsonb_exists(c.plan -> 'policy', 'drill') order by c.name`.execute(db);
  return rows.map(({ name, issuer, cron, timezone, first_seen_at, started_at, state }) => ({
    credential: name, issuer, cron, timezone, firstSeenAt: first_seen_at, last: started_at === null || state === null ? null : { startedAt: started_at, state },
  }));
}

function toDrill(row: Selectable<Tables['drills']>): Drill {
  return {
    id: row.id, credential: row.credential, issuer: row.issuer, state: row.state, actor: row.actor as Actor, occurrence: row.occurrence,
    startedAt: row.started_at, finishedAt: row.finished_at, rotations: { mint: row.minted_by, leak: row.leaked_by, end: row.ended_by },
    verdict: row.verdict as DrillVerdict | null, refusedBy: row.refused_by, revokeMs: row.revoke_ms, recoverMs: row.recover_ms,
  };
}
