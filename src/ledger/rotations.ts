import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import type { Lease, Ledger, Rotation } from '../ports/ledger.ts';
import type { Batch } from './batch.ts';
import { commit, leaseLost } from './commit.ts';
import { request } from './request.ts';
import { rotationOf, toRotation, toTransition, type JsonRow } from './rows.ts';
import { situationStatement, toSituation } from './situation.ts';
import { AT_NOW, atNowPlus, statement } from './statement.ts';
import { LEASE_FREE, NOW, bounded, type Db } from './sql.ts';

type RotationMethods =
  | 'request' | 'rotation' | 'openRotation' | 'rotations' | 'history' | 'wakeable' | 'lease' | 'renew' | 'commit' | 'release';
const ID_OR_PREFIX = /^[0-9A-Z]{1,26}$/;
const MAX_HISTORY = 10_000;

export function rotationMethods(db: Db, batch: Batch): Pick<Ledger, RotationMethods> {
  return {
    request: (rotation) => request(db, batch, rotation),
    rotation: (idOrPrefix) => byIdOrPrefix(db, idOrPrefix.toUpperCase()),
    async openRotation(credential) {
      const query = db.selectFrom('rotations').selectAll().where('credential', '=', credential).where('finished_at', 'is', null);
      const row = await query.executeTakeFirst();
      return row === undefined ? null : toRotation(row);
    },
    rotations: (filter, page) => list(db, filter, page),
    async history(rotationId) {
      const query = db.selectFrom('transitions').selectAll().where('rotation_id', '=', rotationId);
      return (await query.orderBy('seq').limit(MAX_HISTORY).execute()).map(toTransition);
    },
    /** Emergencies first, then those that waited longest. */
    async wakeable(limit) {
      const query = db.selectFrom('rotations').select('id').where('finished_at', 'is', null).where('wake_at', '<=', NOW);
      const rows = await query.where(LEASE_FREE).orderBy(sql`kind <> 'emergency'`).orderBy('wake_at').limit(limit).execute();
      return rows.map((row) => row.id);
    },
    lease: (rotationId, worker, ttlMs) => lease(batch, rotationId, worker, ttlMs),
    renew: (held, ttlMs) => renew(batch, held, ttlMs),
    commit: (held, expectState, change) => commit(batch, held, expectState, change),
    async release({ rotation, epoch, worker }) {
      await batch([statement`update keyturn.rotations set worker = null, lease_until = null where id = ${rotation.id} and epoch = ${epoch} and worker = ${worker}`]);
    },
  };
}

async function byIdOrPrefix(db: Db, prefix: string): Promise<Rotation | null> {
  if (!ID_OR_PREFIX.test(prefix)) return null;
  const query = db.selectFrom('rotations').selectAll().where('id', '>=', prefix).where('id', '<', `${prefix}~`);
  const [row, another] = await query.orderBy('id').limit(2).execute();
  if (row === undefined) return null;
  if (another !== undefined) {
    throw new KeyturnError('USAGE', `More than one rotation begins with ${prefix}.`, { todo: 'Give more of its id.', effect: 'none' });
  }
  return toRotation(row);
}

async function list(db: Db, filter: Parameters<Ledger['rotations']>[0], page: Parameters<Ledger['rotations']>[1]): Promise<readonly Rotation[]> {
  let query = db.selectFrom('rotations').selectAll();
  if (filter.credential !== undefined) query = query.where('credential', '=', filter.credential);
  if (filter.open !== undefined) query = query.where('finished_at', filter.open ? 'is' : 'is not', null);
  if (page.before !== undefined) query = query.where('id', '<', page.before);
  return (await query.orderBy('id', 'desc').limit(bounded(page)).execute()).map(toRotation);
}

async function lease(batch: Batch, rotationId: string, worker: string, ttlMs: number): Promise<Lease | null> {
  const [taken, situation] = await batch([statement`
    with free as (
      select id, worker from keyturn.rotations
      where id = ${rotationId} and finished_at is null and (lease_until is null or lease_until <= ${AT_NOW}) for update
    ), taken as (
      update keyturn.rotations r set epoch = r.epoch + 1, worker = ${worker}, lease_until = ${atNowPlus(ttlMs)}
      from free where r.id = free.id
      returning r.*, free.worker is not null as taken_over
    )
    select to_jsonb(taken)::text from taken`, situationStatement(rotationId)]);
  if (taken == null) return null;
  const row = taken as JsonRow<'rotations'> & { readonly taken_over: boolean; readonly lease_until: string };
  return { rotation: rotationOf(row), situation: toSituation(situation), epoch: row.epoch, worker, expiresAt: new Date(row.lease_until), takenOver: row.taken_over };
}

async function renew(batch: Batch, held: Lease, ttlMs: number): Promise<Lease> {
  const { rotation, epoch, worker } = held;
  const [until] = await batch([statement`
    update keyturn.rotations set lease_until = ${atNowPlus(ttlMs)}
    where id = ${rotation.id} and epoch = ${epoch} and worker = ${worker} and lease_until > ${AT_NOW} and finished_at is null
    returning to_json(lease_until)::text`]);
  if (typeof until !== 'string') throw leaseLost(held);
  return { ...held, expiresAt: new Date(until) };
}
