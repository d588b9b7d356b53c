import type { NewRotation, RequestOutcome, Rotation } from '../ports/ledger.ts';
import { newId } from './ids.ts';
import { releaseSlot, unlockLocations } from './reservations.ts';
import { toRotation } from './rows.ts';
import { canonical } from './chain.ts';
import { requireKnownSchema } from './schema-fence.ts';
import { NOW, advisoryLock, inTransaction, json, runIn, type Db, type Tx } from './sql.ts';
import { recordTransition } from './transitions.ts';
import { watchStatement } from './watches.ts';

/** How long a create whose answer was lost may still land at an issuer. */
const LATE_CREATE_MS = 24 * 60 * 60 * 1000;

/** See `Ledger.request`: one open rotation a credential; an emergency ends the open one and takes its place. */
export async function request(db: Db, asked: NewRotation): Promise<RequestOutcome> {
  return inTransaction(db, async (tx): Promise<RequestOutcome> => {
    await requireKnownSchema(tx);
    await advisoryLock(tx, 'request', asked.credential);
    const open = await lockOpen(tx, asked.credential);
    if (open !== null) {
      if (!preempts(asked, open)) return { outcome: 'open', rotation: open.rotation };
      await preempt(tx, open.rotation, asked);
    }
    if (await answered(tx, asked)) return { outcome: 'answered' };
    return { outcome: 'created', rotation: await insert(tx, asked) };
  });
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
  const name = attemptName(open);
  if (open.state === 'creating' && name !== null) {
    await runIn(tx, watchStatement({ issuer: open.issuer, credential: open.credential, name, rotationId: open.id, forMs: LATE_CREATE_MS }));
  }
  await recordTransition(tx, toRotation(row), open.state, { worker: by.actor.who, actor: by.actor });
}

/** The name under which the interrupted attempt may yet mint a key; src/rotation keeps it in its notes. */
function attemptName(rotation: Rotation): string | null {
  const attempt = rotation.notes['attempt'];
  if (typeof attempt !== 'object' || attempt === null || !('name' in attempt)) return null;
  return typeof attempt.name === 'string' ? attempt.name : null;
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
