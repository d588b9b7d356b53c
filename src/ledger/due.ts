/** What falls due: what the sweep sees of it, and what it writes in answer, of many credentials at once. */
import { sql } from 'kysely';
import { scrub } from '../core/secret.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { DueCredential, DueOutcome, DueRequest, Ledger } from '../ports/ledger.ts';
import type { Batch } from './batch.ts';
import { newId } from './ids.ts';
import { requestLock } from './request.ts';
import { REQUESTED } from './requested.ts';
import { toDueCredential } from './rows.ts';
import { SCHEMA_KNOWN_HERE, requireKnownSchema } from './schema-fence.ts';
import { NOW, json, type Db } from './sql.ts';
import { AT_NOW, Fragment, lockAll, statement, type Statement } from './statement.ts';

/** Each takes a lock, of which a server has some thousands for everybody. */
const MAX_AT_ONCE = 1_000;

/** True in SQL where nobody has paused the credential `c`. */
const NOT_PAUSED = `not exists (select from keyturn.pauses p where p.scope = 'all'
  or (p.scope = 'issuer' and p.name = c.issuer) or (p.scope = 'credential' and p.name = c.name))`;

export function dueMethods(db: Db, batch: Batch): Pick<Ledger, 'dueCredentials' | 'requestDue' | 'redate'> {
  return {
    dueCredentials: (limit) => dueCredentials(db, limit),
    requestDue: (requests) => requestDue(db, batch, requests),
    async redate(dates) {
      if (dates.length > 0) await batch([redateStatement(dates)]);
    },
  };
}

async function dueCredentials(db: Db, limit: number): Promise<readonly DueCredential[]> {
  const { rows } = await sql<Parameters<typeof toDueCredential>[0]>`
    select c.*, (select k.created_at from keyturn.keys k where k.id = c.current_key_id) as key_created_at,
      l.id as last_id, l.state as last_state, l.created_at as last_created_at, l.finished_at as last_finished_at,
      coalesce((select l.state = 'done' and m.rotation_id = l.id from keyturn.keys m where m.id = l.new_key_id), false) as last_renewed, ${NOW} as as_of
    from (
      select * from keyturn.credentials c
      where c.declared and c.due_at <= ${NOW}
        and not exists (select from keyturn.rotations r where r.credential = c.name and r.finished_at is null) and ${sql.raw(NOT_PAUSED)}
      order by c.due_at, c.name limit ${limit}
    ) c
    left join lateral (select * from keyturn.rotations r where r.credential = c.name order by r.id desc limit 1) l on true
    order by c.due_at, c.name`.execute(db);
  return rows.map(toDueCredential);
}

/**
 * See `Ledger.requestDue`. The locks come first and in one order, as single requests take them; what is judged then is one
 * snapshot, in which a rotation that ends is either open still or has dated its credential anew.
 */
async function requestDue(db: Db, batch: Batch, requests: readonly DueRequest[]): Promise<readonly DueOutcome[]> {
  if (requests.length > MAX_AT_ONCE) throw new RangeError(`at most ${MAX_AT_ONCE} rotations are requested at once`);
  if (requests.length === 0) return [];
  const [, answer] = await batch([lockAll(requests.map(({ due }) => requestLock(due.name))), requestStatement(requests)]);
  if (answer !== null) return (answer as readonly Verdict[]).map(({ outcome, id }) => (outcome === 'created' ? { outcome, rotationId: id } : { outcome }));
  await requireKnownSchema(db);
  throw new Error('requests were not judged, though the schema is known');
}

interface Verdict {
  readonly outcome: DueOutcome['outcome'];
  readonly id: string;
}

/** Answers null where a newer Keyturn has been here. Subqueries that give one row, and not `exists`, so that each is one search of an index. */
function requestStatement(requests: readonly DueRequest[]): Statement {
  return statement`
    with asked as materialized (
      select a.*, i.at from (select ${AT_NOW} as at) i
      cross join jsonb_to_recordset(${json(requests.map(requestRow))}::jsonb)
        as a(n integer, id text, credential text, revision text, old_key_id text, last text, actor jsonb, occurrence timestamptz)
      where ${SCHEMA_KNOWN_HERE}
    ), judged as materialized (
      select a.*, c.issuer, c.plan, coalesce(
        (select 'open' from keyturn.rotations r where r.credential = a.credential and r.finished_at is null limit 1),
        case when c.plan is null then 'changed' end,
        (select 'answered' from keyturn.rotations r where r.credential = a.credential and r.occurrence = a.occurrence limit 1),
        'created') as outcome
      from asked a left join lateral (${STILL_DUE}) c on true
    ), admitted as (
      select n, id, credential, issuer, 'scheduled' as kind, plan->'policy'->>'strategy' as path, plan, actor, occurrence, old_key_id, '{}'::jsonb as notes, at
      from judged where outcome = 'created'
    ), ${REQUESTED}
    select json_agg(json_build_object('outcome', case when j.outcome = 'created' and m.id is null then 'changed' else j.outcome end, 'id', j.id) order by j.n)::text
    from judged j left join made m on m.id = j.id`;
}

function requestRow({ due, actor, occurrence }: DueRequest, n: number): Readonly<Record<string, unknown>> {
  return { n, id: newId(), credential: due.name, revision: due.revision, old_key_id: due.currentKeyId, last: due.last?.id ?? null, actor: JSON.parse(scrub(json(actor))) as Actor, occurrence };
}

/** The credential's row, where it is due and still as `a` has it. */
const STILL_DUE = new Fragment([`
  select c.issuer, c.plan from keyturn.credentials c
  where c.name = a.credential and c.declared and c.revision = a.revision and c.due_at <= a.at
    and c.current_key_id is not distinct from a.old_key_id
    and (select r.id from keyturn.rotations r where r.credential = a.credential order by r.id desc limit 1) is not distinct from a.last
    and ${NOT_PAUSED} offset 0`], []);

/** Instants are compared as JavaScript has them. A row that somebody else is writing to right now is left to them: so nobody is waited for, and the next sweep looks again. */
function redateStatement(dates: Parameters<Ledger['redate']>[0]): Statement {
  const rows = dates.map(({ due, dueAt }) => ({ credential: due.name, revision: due.revision, due_at: due.dueAt ?? '-infinity', next: dueAt ?? 'infinity' }));
  return statement`
    with asked as materialized (
      select c.name, a.next from jsonb_to_recordset(${json(rows)}::jsonb) as a(credential text, revision text, due_at timestamptz, next timestamptz),
        lateral (select c.name from keyturn.credentials c where c.name = a.credential and c.revision = a.revision and date_trunc('milliseconds', c.due_at) = a.due_at for no key update skip locked) c
    )
    update keyturn.credentials c set due_at = (select a.next from asked a where a.name = c.name limit 1) where c.name = any(array(select name from asked))`;
}
