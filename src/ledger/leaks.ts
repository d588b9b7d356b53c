/** Reported leaks: a delivery is taken once and whole, and each leak of it is worked on by one worker at a time. */
import { sql } from 'kysely';
import { days } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { Leak, LeakDelivered, LeakLedger, LeakSeen, SettledLeak, TakenLeaks } from '../ports/leak-ledger.ts';
import { auditRows, auditStatements } from './audit.ts';
import { because, orRefuse, Refused, type Batch } from './batch.ts';
import { newId } from './ids.ts';
import { noticeStatements } from './outbox.ts';
import type { JsonRow, Row } from './rows.ts';
import type { Methods } from './schema-fence.ts';
import { bounded, LEASE_FREE, NOW, type Db } from './sql.ts';
import { AT_NOW, atNowPlus, fragment, statement, type Fragment, type Statement } from './statement.ts';

/** Longer than anybody delivers again. */
const DELIVERIES_KEPT_MS = days(90);
/** Settled leaks of keys of ours: each year's look back finds the one before. The audit log keeps what became of them for good. */
const OURS_KEPT_MS = days(400);
/** Those that were none of ours, as long as their deliveries. */
const OTHERS_KEPT_MS = DELIVERIES_KEPT_MS;
/** In one delivery, whose sender waits. */
const FORGOTTEN_AT_ONCE = 1_000;
/** Of one delivery: people need not see each of a hundred thousand. */
const MOST_ALIKE = 1_000;

export const LEAK_METHODS: Methods<LeakLedger> = {
  waiting: 'reads', leaks: 'reads', leakFigures: 'reads',
  take: 'writes', claim: 'writes', found: 'writes', intend: 'writes', settle: 'writes', postpone: 'writes',
};

export function leakMethods(db: Db, batch: Batch): LeakLedger {
  return {
    take: (delivered) => take(batch, delivered),
    claim: (what, worker, ttlMs, limit) => claim(batch, what, worker, ttlMs, limit),
    waiting: () => waiting(db),
    found: (leak, worker, seen) => mine(batch, leak, [foundStatement(leak, worker, seen)]),
    intend: (leak, worker, outcome) => mine(batch, leak, [guarded(leak, worker, fragment`intent = ${outcome}`)]),
    settle: (leak, worker, settled) => mine(batch, leak, settleStatements(leak, worker, settled)),
    postpone: (leak, worker, error, delayMs) => mine(batch, leak, [guarded(leak, worker, fragment`next_try_at = ${atNowPlus(delayMs)}, last_error = ${scrub(error)}, worker = null, lease_until = null`)]),
    async leaks({ source, credential, open }, limit) {
      let query = db.selectFrom('leaks').selectAll();
      if (source !== undefined) query = query.where('source', '=', source);
      if (credential !== undefined) query = query.where('credential', '=', credential);
      if (open === true) query = query.where('outcome', 'is', null);
      return (await query.orderBy('id', 'desc').limit(bounded({ limit })).execute()).map(toLeak);
    },
    async leakFigures() {
      const { rows } = await sql<{ source: string; deliveries: string; leaks: string; foreign: string; malformed: string; last: Date }>`
        select source, count(*) as deliveries, sum(leaks) as leaks, sum(foreign_leaks) as foreign, sum(malformed) as malformed, max(at) as last
        from keyturn.leak_deliveries group by source order by source`.execute(db);
      return rows.map(({ source, last, ...counts }) => ({ source, lastAt: last, deliveries: Number(counts.deliveries), leaks: Number(counts.leaks), foreign: Number(counts.foreign), malformed: Number(counts.malformed) }));
    },
  };
}

async function take(batch: Batch, delivered: LeakDelivered): Promise<TakenLeaks> {
  try {
    const [, , , answer] = await batch([deliveredStatement(delivered), FORGET_DELIVERIES, FORGET_LEAKS, seenStatement(delivered)]);
    return { outcome: 'taken', ...(answer as { readonly matched: number; readonly alike: number; readonly sought: number }) };
  } catch (error) {
    if (error instanceof Refused) return { outcome: 'repeated' };
    throw error;
  }
}

const FORGET_DELIVERIES = statement`delete from keyturn.leak_deliveries where at < ${atNowPlus(-DELIVERIES_KEPT_MS)}`;
const FORGET_LEAKS = statement`
  delete from keyturn.leaks where id in (
    select id from keyturn.leaks where settled_at < case when key_id is null then ${atNowPlus(-OTHERS_KEPT_MS)} else ${atNowPlus(-OURS_KEPT_MS)} end
    limit ${FORGOTTEN_AT_ONCE}::int for update skip locked)`;

function deliveredStatement({ source, deliveryId, leaks, malformed }: LeakDelivered): Statement {
  return statement`
    with added as (
      insert into keyturn.leak_deliveries (source, id, at, leaks, malformed) values (${source}, ${deliveryId}, ${AT_NOW}, ${leaks.length}::int, ${malformed}::int)
      on conflict do nothing returning 1)
    select case when not exists (select from added) then keyturn.refuse(${because({ outcome: 'repeated' })}) end`;
}

/** However many there are: one parameter, one look into the index of fingerprints for each, one insert. A living key comes before dead ones of the same value. */
function seenStatement({ source, deliveryId, leaks }: LeakDelivered): Statement {
  const given = scrub(JSON.stringify(leaks.map(({ form, fingerprint, sought, looksLike, url, foundAt, detail }, n) => ({ n, i: newId(), m: form, f: fingerprint, s: sought, l: looksLike, u: url, a: foundAt, d: detail }))));
  const entry = { type: 'leak.reported', actor: { who: `leak:${source}`, why: 'a leak source reported' }, credential: null, rotationId: null, keyId: null, detail: { source, delivery: deliveryId, leaks: leaks.length } };
  return statement`
    with given as materialized (
      select * from jsonb_to_recordset(${given}::jsonb) as g(n int, i text, m text, f text, s text, l text, u text, a timestamptz, d text)
    ), known as (
      select distinct on (g.n) g.n, k.id as key_id, k.credential from given g join keyturn.keys k on k.fingerprint = g.f
      order by g.n, k.state in ('revoked', 'lost'), k.id desc
    ), alike as (
      select n from given where l is not null and n not in (select n from known) order by n limit ${MOST_ALIKE}::int
    ), added as (
      insert into keyturn.leaks (id, source, delivery, form, reported_at, found_at, url, detail, sought, key_id, credential, looks_like, next_try_at)
      select g.i, ${source}, ${deliveryId}, g.m, ${AT_NOW}, g.a, g.u, g.d, g.s, k.key_id, k.credential, case when k.key_id is null then g.l end, ${AT_NOW}
      from given g left join known k using (n) where k.key_id is not null or g.s is not null or g.n in (select n from alike)
      returning key_id, looks_like, sought
    ), counts as (
      select count(*) as kept, count(key_id) as matched, count(looks_like) as alike, count(sought) as sought from added
    ), noted as (
      update keyturn.leak_deliveries d set foreign_leaks = d.leaks - c.kept from counts c where d.source = ${source} and d.id = ${deliveryId}
    ), logged as (
      insert into keyturn.audit (at, type, actor, detail)
      select date_trunc('milliseconds', ${AT_NOW}), e.type, e.actor, e.detail || jsonb_build_object('matched', c.matched, 'alike', c.alike, 'sought', c.sought)
      from counts c, jsonb_to_recordset(${auditRows([entry])}::jsonb) as e(type text, actor jsonb, detail jsonb)
    )
    select json_build_object('matched', matched, 'alike', alike, 'sought', sought)::text from counts`;
}

type What = Parameters<LeakLedger['claim']>[0];

async function claim(batch: Batch, what: What, worker: string, ttlMs: number, limit: number): Promise<readonly Leak[]> {
  const [answer] = await batch([statement`
    with due as (
      select id from keyturn.leaks
      where outcome is null and next_try_at <= ${AT_NOW} and (lease_until is null or lease_until <= ${AT_NOW})
        and case when sought is null then 'ready' else form end = ${what}
      order by key_id is null, next_try_at, id limit ${limit}::int for update skip locked
    ), held as (
      update keyturn.leaks l set worker = ${worker}, lease_until = ${atNowPlus(ttlMs)}, attempts = attempts + 1 from due where l.id = due.id returning l.*
    )
    select json_agg(to_jsonb(h) order by h.key_id is null, h.id)::text from held h`]);
  return ((answer ?? []) as readonly JsonRow<'leaks'>[]).map(leakOf);
}

async function waiting(db: Db): Promise<Readonly<Record<What, boolean>>> {
  const rows = await db.selectFrom('leaks').select(sql<What>`case when sought is null then 'ready' else form end`.as('what')).distinct()
    .where('outcome', 'is', null).where('next_try_at', '<=', NOW).where(LEASE_FREE).execute();
  const found = new Set(rows.map(({ what }) => what));
  return { ready: found.has('ready'), hash: found.has('hash'), reference: found.has('reference') };
}

/** Only by the worker that holds it: `attempts` rises with each claim. */
function guarded({ id, attempts }: Leak, worker: string, changes: Fragment): Statement {
  return statement`
    with mine as (
      update keyturn.leaks set ${changes} where id = ${id} and worker = ${worker} and attempts = ${attempts}::int and outcome is null returning id
    )
    select ${orRefuse(fragment`(select to_json(id)::text from mine)`, because({ outcome: 'not-mine' }))}`;
}

function foundStatement(leak: Leak, worker: string, { fingerprint, looksLike, url, foundAt, detail }: Pick<LeakSeen, 'fingerprint' | 'looksLike' | 'url' | 'foundAt' | 'detail'>): Statement {
  const key = fragment`(select k.id from keyturn.keys k where k.fingerprint = ${fingerprint} order by k.state in ('revoked', 'lost'), k.id desc limit 1)`;
  const credential = fragment`(select k.credential from keyturn.keys k where k.fingerprint = ${fingerprint} order by k.state in ('revoked', 'lost'), k.id desc limit 1)`;
  return guarded(leak, worker, fragment`sought = null, key_id = ${key}, credential = ${credential}, looks_like = ${looksLike}, url = coalesce(url, ${url === null ? null : scrub(url)}),
    found_at = coalesce(found_at, ${foundAt}::timestamptz), detail = coalesce(detail, ${detail === null ? null : scrub(detail)}), next_try_at = ${AT_NOW}, last_error = null, worker = null, lease_until = null`);
}

function settleStatements(leak: Leak, worker: string, { outcome, rotationId, message, audit, notices, noticeOrigin }: SettledLeak): readonly Statement[] {
  return [
    guarded(leak, worker, fragment`outcome = ${outcome}, settled_at = ${AT_NOW}, sought = null, rotation_id = ${rotationId}, message = ${scrub(message)}, last_error = null, worker = null, lease_until = null`),
    ...auditStatements([{ ...audit, type: `leak.${outcome}` }]),
    ...noticeStatements(notices, noticeOrigin),
  ];
}

async function mine(batch: Batch, { id }: Leak, statements: readonly Statement[]): Promise<void> {
  try {
    await batch(statements);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new KeyturnError('LEASE_LOST', `Another worker took over the reported leak ${id}: nothing was written.`, { effect: 'none' });
  }
}

function toLeak(row: Row<'leaks'>): Leak {
  return {
    id: row.id, source: row.source, deliveryId: row.delivery, form: row.form, reportedAt: row.reported_at, foundAt: row.found_at, url: row.url, detail: row.detail, sought: row.sought,
    keyId: row.key_id, credential: row.credential, looksLike: row.looks_like, intent: row.intent, outcome: row.outcome, settledAt: row.settled_at, rotationId: row.rotation_id,
    message: row.message, attempts: row.attempts, nextTryAt: row.next_try_at, lastError: row.last_error,
  };
}

const instant = (text: string | null): Date | null => (text === null ? null : new Date(text));

function leakOf(row: JsonRow<'leaks'>): Leak {
  return toLeak({ ...row, reported_at: new Date(row.reported_at), next_try_at: new Date(row.next_try_at), found_at: instant(row.found_at), settled_at: instant(row.settled_at), lease_until: instant(row.lease_until) });
}
