import type { NewRotation, RequestOutcome, Rotation } from '../ports/ledger.ts';
import { isUnconditional } from '../core/debt.ts';
import { attemptNameIn } from '../core/facts.ts';
import { beginning, revocationOf } from '../core/revocation.ts';
import { scrub } from '../core/secret.ts';
import type { Batch } from './batch.ts';
import { newId } from './ids.ts';
import { releaseSlot, unlockLocations } from './reservations.ts';
import { rotationOf, toRotation, type JsonRow } from './rows.ts';
import { REQUESTED } from './requested.ts';
import { AT_NOW, lockWords, statement, type Statement } from './statement.ts';
import { SCHEMA_KNOWN_HERE, requireKnownSchema } from './schema-fence.ts';
import { NOW, advisoryLock, inTransaction, json, oneOf, runIn, type Db, type Tx } from './sql.ts';
import { recordTransition } from './transitions.ts';
import { watchStatement } from './watches.ts';

/** How long a create whose answer was lost may still land at an issuer. */
const LATE_CREATE_MS = 24 * 60 * 60 * 1000;

/** See `Ledger.request`: one open rotation a credential; an emergency ends the open one and takes its place. */
export async function request(db: Db, batch: Batch, asked: NewRotation): Promise<RequestOutcome> {
  if (asked.kind !== 'emergency') {
    const [, row] = await batch([lockWords(...requestLock(asked.credential)), insertStatement(asked)]);
    if (row != null) return created(asked, row);
  }
  return inTransaction(db, (tx) => requestWithin(tx, asked));
}

/** The same within a transaction that does more than that. Throws LEDGER_NEWER. */
export async function requestWithin(tx: Tx, asked: NewRotation): Promise<RequestOutcome> {
  await requireKnownSchema(tx);
  await advisoryLock(tx, ...requestLock(asked.credential));
  const open = await lockOpen(tx, asked.credential);
  const notes = await notesOf(tx, asked, open);
  if (open !== null) {
    if (notes === null) return { outcome: 'open', rotation: open };
    await preempt(tx, open, asked);
  }
  const row = await runIn(tx, insertStatement({ ...asked, notes: notes ?? {} }));
  if (row === null) await requireKnownSchema(tx);
  return created(asked, row);
}

/** Whoever asks for a rotation of the credential holds this, so that nobody else's is half-way there. */
export function requestLock(credential: string): readonly string[] {
  return ['request', credential];
}

function created({ plan }: NewRotation, row: unknown): RequestOutcome {
  if (row === null) throw new Error('a rotation that nothing stood in the way of was not inserted');
  return { outcome: 'created', rotation: rotationOf({ ...(row as JsonRow<'rotations'>), plan }) };
}

/** Inserts nothing, and answers nothing, where one is open or a newer Keyturn has been here. */
function insertStatement({ credential, kind, path, plan, actor, oldKeyId, notes }: NewRotation): Statement {
  return statement`
    with admitted as materialized (
      select 1 as n, ${newId()}::text as id, ${credential}::text as credential, ${plan.issuer.name}::text as issuer, ${kind}::text as kind, ${path}::text as path,
        ${json(plan)}::jsonb as plan, ${scrub(json(actor))}::jsonb as actor, null::timestamptz as occurrence, ${oldKeyId}::text as old_key_id,
        ${json(notes ?? {})}::jsonb as notes, ${AT_NOW} as at
      where ${SCHEMA_KNOWN_HERE}
    ), ${REQUESTED}
    select (to_jsonb(made) - 'plan')::text from made`;
}

/** The row lock makes a commit under way finish first, and the next one find its epoch gone. */
async function lockOpen(tx: Tx, credential: string): Promise<Rotation | null> {
  const query = tx.selectFrom('rotations').selectAll().where('credential', '=', credential).where('finished_at', 'is', null);
  const row = await query.forUpdate().executeTakeFirst();
  return row === undefined ? null : toRotation(row);
}

/**
 * With what it begins; null where the open one stays. An emergency pre-empts everything but one that has not gone past revoking
 * and means the same keys: to run that one again would only lose time, while a later one may mean the key that the first has minted.
 */
async function notesOf(tx: Tx, { kind, notes = {} }: NewRotation, open: Rotation | null): Promise<Readonly<Record<string, unknown>> | null> {
  if (kind !== 'emergency') return open === null ? notes : null;
  const { keys } = revocationOf(notes);
  return beginning(notes, open, open === null || keys === 'every' ? new Set() : await dyingOf(tx, keys));
}

/** Dead, or condemned at once: one that is condemned on evidence may live for long. */
async function dyingOf(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const keys = await tx.selectFrom('keys').select(['id', 'issuer', 'issuer_key_id', 'state']).where('id', '=', oneOf(ids)).where('state', 'in', ['condemned', 'revoked', 'lost']).execute();
  const condemned = keys.filter(({ state }) => state === 'condemned').map(({ issuer_key_id }) => issuer_key_id);
  const debts = await tx.selectFrom('debts').select(['issuer', 'issuer_key_id', 'cause']).where('settled_at', 'is', null).where('issuer_key_id', '=', oneOf(condemned)).execute();
  const urgent = (key: { readonly issuer: string; readonly issuer_key_id: string }): boolean => debts.some((debt) => isUnconditional(debt.cause) && debt.issuer === key.issuer && debt.issuer_key_id === key.issuer_key_id);
  return new Set(keys.filter((key) => key.state !== 'condemned' || urgent(key)).map(({ id }) => id));
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
