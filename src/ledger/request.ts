import type { NewRotation, RequestOutcome, Rotation } from '../ports/ledger.ts';
import { attemptNameIn } from '../core/facts.ts';
import { scrub } from '../core/secret.ts';
import type { Batch } from './batch.ts';
import { newId } from './ids.ts';
import { releaseSlot, unlockLocations } from './reservations.ts';
import { rotationOf, toRotation, type JsonRow } from './rows.ts';
import { AT_NOW, lockWords, statement, type Statement } from './statement.ts';
import { canonical } from './chain.ts';
import { SCHEMA_KNOWN_HERE, requireKnownSchema } from './schema-fence.ts';
import { NOW, advisoryLock, inTransaction, json, runIn, type Db, type Tx } from './sql.ts';
import { recordTransition } from './transitions.ts';
import { watchStatement } from './watches.ts';

/** How long a create whose answer was lost may still land at an issuer. */
const LATE_CREATE_MS = 24 * 60 * 60 * 1000;

/** See `Ledger.request`: one open rotation a credential; an emergency ends the open one and takes its place. */
export async function request(db: Db, batch: Batch, asked: NewRotation): Promise<RequestOutcome> {
  if (asked.kind !== 'emergency') {
    const [, row] = await batch([lockWords(...lockOf(asked)), insertStatement(asked)]);
    if (row != null) return { outcome: 'created', rotation: rotationOf({ ...(row as JsonRow<'rotations'>), plan: asked.plan }) };
  }
  return inTransaction(db, async (tx): Promise<RequestOutcome> => {
    await requireKnownSchema(tx);
    await advisoryLock(tx, ...lockOf(asked));
    const open = await lockOpen(tx, asked.credential);
    if (open !== null) {
      if (!preempts(asked, open)) return { outcome: 'open', rotation: open.rotation };
      await preempt(tx, open.rotation, asked);
    }
    if (await answered(tx, asked)) return { outcome: 'answered' };
    return { outcome: 'created', rotation: await insert(tx, asked) };
  });
}

function lockOf({ credential }: NewRotation): readonly string[] {
  return ['request', credential];
}

/** Inserts nothing, and answers nothing, where one is open, the occurrence was answered, or a newer Keyturn has been here. */
function insertStatement({ credential, kind, path, plan, actor, occurrence, oldKeyId, notes }: NewRotation): Statement {
  return statement`
    with made as (
      insert into keyturn.rotations (id, credential, issuer, kind, path, state, epoch, plan, actor, occurrence, asked, old_key_id, notes, reason, message, created_at, state_since, wake_at)
      select ${newId()}, ${credential}, ${plan.issuer.name}, ${kind}, ${path}, 'requested', 0, ${json(plan)}::jsonb, ${json(actor)}::jsonb, ${occurrence}::timestamptz,
        n.notes, ${oldKeyId}, n.notes, 'requested', ${actor.why}, at, at, at
      from (select ${AT_NOW} as at, ${json(notes ?? {})}::jsonb as notes) n where ${SCHEMA_KNOWN_HERE}
      on conflict do nothing returning *
    ), told as (
      insert into keyturn.transitions (rotation_id, at, from_state, to_state, reason, message, epoch, worker)
      select id, created_at, null, state, reason, message, epoch, ${actor.who} from made
    ), logged as (
      insert into keyturn.audit (at, type, actor, credential, rotation_id, detail)
      select date_trunc('milliseconds', created_at), 'rotation.requested', ${scrub(json(actor))}::jsonb, credential, id,
        jsonb_build_object('from', null, 'to', state, 'reason', reason, 'message', ${scrub(actor.why)}::text, 'epoch', epoch, 'kind', kind, 'path', path)
      from made
    )
    select (to_jsonb(made) - 'plan')::text from made`;
}

interface Open {
  readonly rotation: Rotation;
  readonly asked: unknown;
}

/** The row lock makes a commit under way finish first, and the next one find its epoch gone. */
async function lockOpen(tx: Tx, credential: string): Promise<Open | null> {
  const query = tx.selectFrom('rotations').selectAll().where('credential', '=', credential).where('finished_at', 'is', null);
  const row = await query.forUpdate().executeTakeFirst();
  return row === undefined ? null : { rotation: toRotation(row), asked: row.asked };
}

/**
 * An emergency pre-empts everything but the same emergency that has not gone past revoking: to run that one again would
 * only lose time, while a later one may mean the key that the first has minted.
 */
function preempts(asked: NewRotation, open: Open): boolean {
  if (asked.kind !== 'emergency') return false;
  if (open.rotation.kind !== 'emergency') return true;
  const early = open.rotation.state === 'requested' || open.rotation.state === 'revoking';
  return !early || canonical(open.asked) !== canonical(asked.notes ?? {});
}

async function answered(tx: Tx, asked: NewRotation): Promise<boolean> {
  if (asked.occurrence === null) return false;
  const query = tx.selectFrom('rotations').select('id').where('credential', '=', asked.credential);
  return (await query.where('occurrence', '=', asked.occurrence).executeTakeFirst()) !== undefined;
}

async function preempt(tx: Tx, open: Rotation, by: NewRotation): Promise<void> {
  const row = await tx
    .updateTable('rotations')
    .set({
      epoch: open.epoch + 1,
      state: 'aborted',
      reason: 'preempted',
      message: 'An emergency rotation took its place.',
      state_since: NOW,
      finished_at: NOW,
      wake_at: null,
      worker: null,
      lease_until: null,
      abort_asked: null,
      resume_asked: null,
    })
    .where('id', '=', open.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  await runIn(tx, unlockLocations(open.id));
  await runIn(tx, releaseSlot(open.id));
  const name = attemptNameIn(open.notes);
  if (open.state === 'creating' && name !== null) {
    await runIn(tx, watchStatement({ issuer: open.issuer, credential: open.credential, name, rotationId: open.id, forMs: LATE_CREATE_MS }));
  }
  await recordTransition(tx, toRotation(row), open.state, { worker: by.actor.who, actor: by.actor });
}

async function insert(tx: Tx, asked: NewRotation): Promise<Rotation> {
  const notes = json(asked.notes ?? {});
  const row = await tx
    .insertInto('rotations')
    .values({
      id: newId(),
      credential: asked.credential,
      issuer: asked.plan.issuer.name,
      kind: asked.kind,
      path: asked.path,
      state: 'requested',
      epoch: 0,
      plan: json(asked.plan),
      actor: json(asked.actor),
      occurrence: asked.occurrence,
      asked: notes,
      old_key_id: asked.oldKeyId,
      notes,
      reason: 'requested',
      message: asked.actor.why,
      created_at: NOW,
      state_since: NOW,
      wake_at: NOW,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const rotation = toRotation(row);
  await recordTransition(tx, rotation, null, { worker: asked.actor.who, actor: asked.actor });
  return rotation;
}
