import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import type { Ledger, Rotation } from '../ports/ledger.ts';
import type { Batch } from './batch.ts';
import { commit } from './commit.ts';
import { lease, release, renew } from './leases.ts';
import { request } from './request.ts';
import { toRotation, toTransition } from './rows.ts';
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
    async wakeable(limit, kind) {
      const open = db.selectFrom('rotations').select('id').where('finished_at', 'is', null).where('wake_at', '<=', NOW);
      const query = kind === undefined ? open : open.where('kind', '=', kind);
      const rows = await query.where(LEASE_FREE).orderBy(sql`kind <> 'emergency'`).orderBy('wake_at').limit(limit).execute();
      return rows.map((row) => row.id);
    },
    lease: (rotationId, worker, ttlMs) => lease(db, batch, rotationId, worker, ttlMs),
    renew: (held, ttlMs) => renew(db, batch, held, ttlMs),
    commit: (held, expectState, change) => commit(db, batch, held, expectState, change),
    release: (held) => release(batch, held),
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
