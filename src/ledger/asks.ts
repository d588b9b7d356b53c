/** What people ask of a rotation that some worker may hold right now: written without its lease, answered by the engine. */
import { whyNoAbort } from '../core/abort.ts';
import { isTerminal, type Actor } from '../core/vocabulary.ts';
import type { AbortOutcome, Ledger, Rotation } from '../ports/ledger.ts';
import { toRotation } from './rows.ts';
import { NOW, inTransaction, json, type Db, type Tx } from './sql.ts';
import { recordRemark } from './transitions.ts';

export function askMethods(db: Db): Pick<Ledger, 'askAbort' | 'askResume'> {
  return {
    askAbort: (id, actor) => inTransaction(db, (tx) => askAbort(tx, id, actor)),
    askResume: (id, actor) => inTransaction(db, (tx) => askResume(tx, id, actor)),
  };
}

/** The row lock orders it with commits and with an emergency that takes the rotation's place. */
async function locked(tx: Tx, id: string): Promise<Rotation | null> {
  const row = await tx.selectFrom('rotations').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  return row === undefined ? null : toRotation(row);
}

async function askAbort(tx: Tx, id: string, actor: Actor): Promise<AbortOutcome | null> {
  const rotation = await locked(tx, id);
  if (rotation === null) return null;
  if (isTerminal(rotation.state)) return { outcome: 'ended', rotation };
  if (rotation.abortAsked !== null || rotation.state === 'aborting' || rotation.state === 'rolling_back') return { outcome: 'already', rotation };
  const why = whyNoAbort({ path: rotation.path, state: rotation.state, oldKey: await oldKeyOf(tx, rotation) });
  if (why !== null) return { outcome: 'refused', rotation, why };
  return { outcome: 'asked', rotation: await write(tx, rotation, 'abort', actor) };
}

async function oldKeyOf(tx: Tx, { oldKeyId }: Rotation) {
  if (oldKeyId === null) return null;
  return (await tx.selectFrom('keys').select('state').where('id', '=', oldKeyId).executeTakeFirst()) ?? null;
}

async function askResume(tx: Tx, id: string, actor: Actor): Promise<{ outcome: 'asked' | 'ended'; rotation: Rotation } | null> {
  const rotation = await locked(tx, id);
  if (rotation === null) return null;
  if (isTerminal(rotation.state)) return { outcome: 'ended', rotation };
  await hurryDebts(tx, rotation.credential);
  return { outcome: 'asked', rotation: await write(tx, rotation, 'resume', actor) };
}

/** A debt that was never tried waits for a frozen worker's longest effect to pass, and goes on waiting. */
async function hurryDebts(tx: Tx, credential: string): Promise<void> {
  const open = tx.updateTable('debts').set({ next_try_at: NOW }).where('credential', '=', credential).where('settled_at', 'is', null);
  await open.where('attempts', '>', 0).where('next_try_at', '>', NOW).execute();
}

const WORDS = { abort: 'be given up', resume: 'try again now' } as const;

async function write(tx: Tx, rotation: Rotation, what: 'abort' | 'resume', actor: Actor): Promise<Rotation> {
  const column = what === 'abort' ? { abort_asked: json(actor) } : { resume_asked: json(actor) };
  const row = await tx.updateTable('rotations').set({ ...column, wake_at: NOW }).where('id', '=', rotation.id).returningAll().executeTakeFirstOrThrow();
  const message = `${actor.who} asked that it ${WORDS[what]}${actor.why === '' ? '' : `: ${actor.why}`}.`;
  await recordRemark(tx, rotation, { reason: `asked_${what}`, message, by: { worker: actor.who, actor } });
  return toRotation(row);
}
