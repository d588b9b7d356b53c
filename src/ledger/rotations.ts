import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import type { Lease, Ledger, Rotation } from '../ports/ledger.ts';
import { commit, leaseLost } from './commit.ts';
import { request } from './request.ts';
import { toRotation, toTransition } from './rows.ts';
import { SCHEMA_KNOWN, requireKnownSchema } from './schema-fence.ts';
import { LEASE_FREE, NOW, bounded, nowPlus, type Db } from './sql.ts';

type RotationMethods =
  | 'request' | 'rotation' | 'openRotation' | 'rotations' | 'history' | 'wakeable' | 'lease' | 'renew' | 'commit' | 'release';
const ID_OR_PREFIX = /^[0-9A-Z]{1,26}$/;
const MAX_HISTORY = 10_000;

export function rotationMethods(db: Db): Pick<Ledger, RotationMethods> {
  return {
    request: (rotation) => request(db, rotation),
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
    lease: (rotationId, worker, ttlMs) => lease(db, rotationId, worker, ttlMs),
    renew: (held, ttlMs) => renew(db, held, ttlMs),
    commit: (held, expectState, change) => commit(db, held, expectState, change),
    async release(held) {
      await holding(db.updateTable('rotations').set({ worker: null, lease_until: null }), held).execute();
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

async function lease(db: Db, rotationId: string, worker: string, ttlMs: number): Promise<Lease | null> {
  const { rows } = await sql<Parameters<typeof toRotation>[0] & { taken_over: boolean; lease_until: Date }>`
    with free as (
      select id, worker from keyturn.rotations
      where id = ${rotationId} and finished_at is null and ${LEASE_FREE} and ${SCHEMA_KNOWN} for update
    )
    update keyturn.rotations r set epoch = r.epoch + 1, worker = ${worker}, lease_until = ${nowPlus(ttlMs)}
    from free where r.id = free.id
    returning r.*, free.worker is not null as taken_over`.execute(db);
  const row = rows[0];
  if (row === undefined) return null;
  return { rotation: toRotation(row), epoch: row.epoch, worker, expiresAt: row.lease_until, takenOver: row.taken_over };
}

async function renew(db: Db, held: Lease, ttlMs: number): Promise<Lease> {
  const query = holding(db.updateTable('rotations').set({ lease_until: nowPlus(ttlMs) }), held);
  const row = await query.where('lease_until', '>', NOW).where('finished_at', 'is', null).where(SCHEMA_KNOWN).returningAll().executeTakeFirst();
  if (row === undefined || row.lease_until === null) {
    await requireKnownSchema(db);
    throw leaseLost(held);
  }
  return { ...held, rotation: toRotation(row), expiresAt: row.lease_until };
}

/** Narrows an update to the row as this lease knows it. */
function holding<Q extends { where(column: 'id' | 'epoch' | 'worker', operator: '=', value: string | number): Q }>(query: Q, held: Lease): Q {
  return query.where('id', '=', held.rotation.id).where('epoch', '=', held.epoch).where('worker', '=', held.worker);
}
