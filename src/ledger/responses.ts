/** Responses to findings: begun under one lock, decided once, carried out by one worker at a time. */
import { sql } from 'kysely';
import { days, hours } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { plural } from '../core/phrases.ts';
import type { BreakerLimits, ResponseState } from '../core/response.ts';
import { scrub } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { HeldBack, HeldNotices, Opening, Response, ResponseFigures, ResponseLedger, ResponseWords } from '../ports/response-ledger.ts';
import { deliver } from './alerting/apply.ts';
import { ambiguous, ID_OR_PREFIX } from './alerting/read.ts';
import { appendAudit, auditStatements } from './audit.ts';
import { because, orRefuse, Refused, type Batch } from './batch.ts';
import { noticeStatements } from './outbox.ts';
import type { JsonRow, Row } from './rows.ts';
import type { Methods } from './schema-fence.ts';
import { advisoryLock, bounded, inTransaction, json, NOW, nowPlus, oneOf, runIn, type Db, type Tx } from './sql.ts';
import { AT_NOW, atNowPlus, fragment, statement, type Fragment, type Statement } from './statement.ts';

/** Whoever begins responses holds this: the breaker counts, and what it counted still holds when it is written. */
const RESPONSES_LOCK = 'responses';
const BREAKER_MS = hours(1);
const OPEN = ['waiting', 'accepted'] as const;

export const RESPONSE_METHODS: Methods<ResponseLedger> = {
  answered: 'reads', overdue: 'reads', response: 'reads', list: 'reads', figures: 'reads',
  open: 'writes', decide: 'writes', expire: 'writes', claim: 'writes', intend: 'writes', settle: 'writes', postpone: 'writes', prune: 'writes',
};

export function responseMethods(db: Db, batch: Batch): ResponseLedger {
  return {
    async answered(incidents) {
      const rows = await db.selectFrom('responses').select(['incident', 'key_id']).where('incident', '=', oneOf(incidents)).execute();
      return new Set(rows.map(({ incident, key_id: key }) => `${incident} ${key}`));
    },
    open: (openings, limits, held) => inTransaction(db, (tx) => openAll(tx, openings, limits, held)),
    decide: (id, decision, actor, words) => inTransaction(db, (tx) => decide(tx, id, decision, actor, words)),
    async overdue(limit) {
      return (await db.selectFrom('responses').selectAll().where('state', '=', 'waiting').where('expires_at', '<=', NOW).orderBy('id').limit(bounded({ limit })).execute()).map(toResponse);
    },
    expire: (id, words) => inTransaction(db, (tx) => expire(tx, id, words)),
    claim: (worker, ttlMs, limit) => claim(batch, worker, ttlMs, limit),
    intend: (response, worker, intent) => mine(batch, response, [guarded(response, worker, fragment`intent = ${intent}`)]),
    settle: (response, worker, { state, rotationId, message, audit, deliveries }) => mine(batch, response, [
      guarded(response, worker, fragment`state = ${state}, rotation_id = ${rotationId}, message = ${scrub(message)}, last_error = null, worker = null, lease_until = null`),
      ...auditStatements([{ ...audit, type: `response.${state}` }]),
      ...(deliveries.length === 0 ? [] : [deliver(deliveries)]),
    ]),
    postpone: (response, worker, error, delayMs) => mine(batch, response, [guarded(response, worker, fragment`next_try_at = ${atNowPlus(delayMs)}, last_error = ${scrub(error)}, worker = null, lease_until = null`)]),
    response: (idOrPrefix) => byIdOrPrefix(db, idOrPrefix),
    async list({ credential, open, state }, page) {
      let query = db.selectFrom('responses').selectAll();
      if (credential !== undefined) query = query.where('credential', '=', credential);
      if (state !== undefined) query = query.where('state', '=', state);
      if (open === true) query = query.where('state', 'in', OPEN);
      return (await query.orderBy('id', 'desc').limit(bounded(page)).execute()).map(toResponse);
    },
    figures: () => figures(db),
    async prune(keptMs) {
      const gone = await db.deleteFrom('responses').where('state', 'not in', OPEN).where('opened_at', '<', nowPlus(-Math.max(keptMs, days(1)))).executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}

interface Counts {
  readonly hour: number;
  readonly byIssuer: Readonly<Record<string, number>>;
}

async function countsOf(db: Db | Tx): Promise<Counts> {
  const rows = await db.selectFrom('responses').select(['issuer', sql<string>`count(*)`.as('count')]).where('counted', '=', true).where('opened_at', '>', nowPlus(-BREAKER_MS)).groupBy('issuer').execute();
  const byIssuer = Object.fromEntries(rows.map(({ issuer, count }) => [issuer, Number(count)]));
  return { hour: Object.values(byIssuer).reduce((sum, n) => sum + n, 0), byIssuer };
}

/** Which breaker holds the next one back, as a sentence; null for none. */
function trips({ hour, byIssuer }: Counts, issuer: string, { perHour, perIssuerHour }: BreakerLimits): string | null {
  if (hour >= perHour) return full(hour, '', `response.maxPerHour (${perHour})`);
  const own = byIssuer[issuer] ?? 0;
  return own >= perIssuerHour ? full(own, ` on issuer ${issuer}`, `response.maxPerIssuerPerHour (${perIssuerHour})`) : null;
}

function full(count: number, where: string, setting: string): string {
  return `${plural(count, 'response')}${where} began within the last hour, and ${setting} allows no more.`;
}

async function openAll(tx: Tx, openings: readonly Opening[], limits: BreakerLimits, heldNotices: HeldNotices): Promise<readonly Response[]> {
  await advisoryLock(tx, RESPONSES_LOCK);
  const made: Response[] = [];
  const held: HeldBack[] = [];
  for (const opening of openings) {
    if (!(await isNeeded(tx, opening))) continue;
    const why = opening.as === 'withheld' ? null : trips(await countsOf(tx), opening.seed.issuer, limits);
    if (why !== null) held.push({ seed: opening.seed, why });
    made.push(await openOne(tx, opening, why));
  }
  const [first] = held;
  if (first !== undefined) for (const told of noticeStatements(heldNotices(held), `responses:${first.seed.id}`)) await runIn(tx, told);
  return made;
}

async function isNeeded(tx: Tx, { seed: { incident, keyId } }: Opening): Promise<boolean> {
  const other = await tx.selectFrom('responses').select('id').where('key_id', '=', keyId).where((is) => is.or([is('incident', '=', incident), is('state', 'in', OPEN)])).limit(1).executeTakeFirst();
  return other === undefined && (await lives(tx, keyId));
}

/** Neither dead nor, by an emergency, about to be: what else condemns a key waits for evidence. */
async function lives(tx: Tx, keyId: string): Promise<boolean> {
  const { rows } = await sql<{ lives: boolean }>`
    select k.state not in ('revoked', 'lost') and not exists (
      select from keyturn.debts d where d.issuer = k.issuer and d.issuer_key_id = k.issuer_key_id and d.cause = 'emergency' and d.settled_at is null) as lives
    from keyturn.keys k where k.id = ${keyId}`.execute(tx);
  return rows[0]?.lives === true;
}

async function openOne(tx: Tx, { seed, as, expiresInMs, message, audit, deliveries }: Opening, tripped: string | null): Promise<Response> {
  const state = tripped === null ? as : 'tripped';
  const { said, threads, id, alert, incident, rule, credential, issuer, mode, policy, owner, keyId } = seed;
  const row = await tx.insertInto('responses').values({
    id, alert, incident, rule, credential, issuer, mode, policy, owner, key_id: keyId, said: scrub(json(said)), threads: json(threads), state,
    counted: state === 'accepted' || state === 'waiting', opened_at: NOW, expires_at: state === 'waiting' ? nowPlus(expiresInMs ?? 0) : null,
    message: tripped ?? message, next_try_at: NOW,
  }).returningAll().executeTakeFirstOrThrow();
  await appendAudit(tx, [{ ...audit, type: `response.${state}`, detail: { ...audit.detail, ...(row.message === null ? {} : { because: row.message }) } }]);
  if (tripped === null && deliveries.length > 0) await runIn(tx, deliver(deliveries));
  return toResponse(row);
}

async function decide(tx: Tx, id: string, decision: 'accepted' | 'declined', actor: Actor, { audit, deliveries }: ResponseWords): ReturnType<ResponseLedger['decide']> {
  const row = await tx.selectFrom('responses').selectAll().select(sql<boolean>`expires_at <= ${NOW}`.as('late')).where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) return null;
  const response = toResponse(row);
  if (response.state !== 'waiting') return { outcome: 'over', response };
  if (row.late) return { outcome: 'expired', response };
  const dead = decision === 'accepted' ? await noLonger(tx, response) : null;
  const state: ResponseState = dead === null ? decision : 'moot';
  const set = { state, message: dead, decided_by: scrub(json(actor)), decided_at: NOW, next_try_at: NOW };
  const now = await tx.updateTable('responses').set(set).where('id', '=', id).returningAll().executeTakeFirstOrThrow();
  await appendAudit(tx, [{ ...audit, actor, type: dead === null ? AUDITED[decision] : 'response.moot', detail: { ...audit.detail, ...(dead === null ? {} : { because: dead }) } }]);
  if (dead === null && deliveries.length > 0) await runIn(tx, deliver(deliveries));
  return { outcome: dead === null ? 'decided' : 'dead', response: toResponse(now) };
}

const AUDITED = { accepted: 'response.approved', declined: 'response.declined' } as const;

/** Why a response can not be carried out any more, a sentence; null where it can. */
async function noLonger(tx: Tx, { keyId, credential }: Response): Promise<string | null> {
  if (!(await lives(tx, keyId))) return 'The key is dead or being revoked already.';
  const record = await tx.selectFrom('credentials').select(['declared', sql<boolean>`plan->'protected' is not null`.as('protected')]).where('name', '=', credential).executeTakeFirst();
  if (record?.declared !== true) return `${credential} is not declared any more.`;
  return record.protected ? `${credential} is protected now: no finding has a key of it revoked.` : null;
}

async function expire(tx: Tx, id: string, { audit, deliveries }: ResponseWords): Promise<boolean> {
  const done = await tx.updateTable('responses').set({ state: 'expired' }).where('id', '=', id).where('state', '=', 'waiting').where('expires_at', '<=', NOW).returning('id').executeTakeFirst();
  if (done === undefined) return false;
  await appendAudit(tx, [{ ...audit, type: 'response.expired' }]);
  if (deliveries.length > 0) await runIn(tx, deliver(deliveries));
  return true;
}

async function claim(batch: Batch, worker: string, ttlMs: number, limit: number): Promise<readonly Response[]> {
  const [answer] = await batch([statement`
    with due as (
      select id from keyturn.responses where state = 'accepted' and next_try_at <= ${AT_NOW} and (lease_until is null or lease_until <= ${AT_NOW})
      order by id limit ${limit}::int for update skip locked
    ), held as (
      update keyturn.responses r set worker = ${worker}, lease_until = ${atNowPlus(ttlMs)}, attempts = attempts + 1 from due where r.id = due.id returning r.*
    )
    select json_agg(to_jsonb(h) order by h.id)::text from held h`]);
  return ((answer ?? []) as readonly JsonRow<'responses'>[]).map((row) => toResponse({ ...row, ...instants(row) }));
}

const instant = (text: string | null): Date | null => (text === null ? null : new Date(text));

function instants(row: JsonRow<'responses'>): Pick<Row<'responses'>, 'opened_at' | 'next_try_at' | 'expires_at' | 'decided_at' | 'lease_until'> {
  return { opened_at: new Date(row.opened_at), next_try_at: new Date(row.next_try_at), expires_at: instant(row.expires_at), decided_at: instant(row.decided_at), lease_until: instant(row.lease_until) };
}

/** Only by the worker that holds it: `attempts` rises with each claim. */
function guarded({ id, attempts }: Response, worker: string, changes: Fragment): Statement {
  return statement`
    with mine as (
      update keyturn.responses set ${changes} where id = ${id} and worker = ${worker} and attempts = ${attempts}::int and state = 'accepted' returning id
    )
    select ${orRefuse(fragment`(select to_json(id)::text from mine)`, because({ outcome: 'not-mine' }))}`;
}

async function mine(batch: Batch, { id }: Response, statements: readonly Statement[]): Promise<void> {
  try {
    await batch(statements);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new KeyturnError('LEASE_LOST', `Another worker took over the response ${id}: nothing was written.`, { effect: 'none' });
  }
}

async function byIdOrPrefix(db: Db, idOrPrefix: string): Promise<Response | null> {
  const prefix = idOrPrefix.toUpperCase();
  if (!ID_OR_PREFIX.test(prefix)) return null;
  const [row, another] = await db.selectFrom('responses').selectAll().where('id', '>=', prefix).where('id', '<', `${prefix}~`).orderBy('id').limit(2).execute();
  if (another !== undefined) throw ambiguous('response', prefix);
  return row === undefined ? null : toResponse(row);
}

async function figures(db: Db): Promise<ResponseFigures> {
  const [counts, { rows }] = await Promise.all([countsOf(db), sql<{ waiting: number; tripped: number }>`
    select count(*) filter (where state = 'waiting')::int as waiting, count(*) filter (where state = 'tripped' and opened_at > ${nowPlus(-days(1))})::int as tripped from keyturn.responses`.execute(db)]);
  return { ...counts, waiting: rows[0]?.waiting ?? 0, tripped: rows[0]?.tripped ?? 0 };
}

function toResponse(row: Row<'responses'>): Response {
  return {
    id: row.id, alert: row.alert, incident: row.incident, rule: row.rule, credential: row.credential, issuer: row.issuer, keyId: row.key_id, mode: row.mode, policy: row.policy, owner: row.owner,
    said: row.said as Response['said'], threads: row.threads as Response['threads'], state: row.state, openedAt: row.opened_at, expiresAt: row.expires_at,
    decidedBy: row.decided_by as Actor | null, decidedAt: row.decided_at, intent: row.intent, rotationId: row.rotation_id, message: row.message, attempts: row.attempts, lastError: row.last_error,
  };
}
