import type { Ledger, NameWatch, NewDebt, NewWatch } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { insertDebt, lookedAfter } from './debts.ts';
import { toWatch } from './rows.ts';
import { NOW, inTransaction, nowPlus, type Db, type Tx } from './sql.ts';

const MAX_WATCHES = 10_000;

export function watchMethods(db: Db): Pick<Ledger, 'watches' | 'watchFound' | 'dropExpiredWatches'> {
  return {
    async watches(issuer) {
      let query = db.selectFrom('watches').selectAll().where('until', '>', NOW);
      if (issuer !== undefined) query = query.where('issuer', '=', issuer);
      return (await query.orderBy('until').limit(MAX_WATCHES).execute()).map(toWatch);
    },
    watchFound: (watch, found) => inTransaction(db, (tx) => watchFound(tx, watch, found)),
    async dropExpiredWatches() {
      const result = await db.deleteFrom('watches').where('until', '<=', NOW).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** Watching a name that is watched already only prolongs it. */
export async function insertWatch(tx: Tx, watch: NewWatch): Promise<void> {
  const { issuer, name, credential, rotationId } = watch;
  await tx
    .insertInto('watches')
    .values({ issuer, name, credential, rotation_id: rotationId, until: nowPlus(watch.forMs) })
    .onConflict((conflict) => conflict.columns(['issuer', 'name']).doUpdateSet({ until: nowPlus(watch.forMs) }))
    .execute();
}

async function watchFound(tx: Tx, watch: NameWatch, found: readonly NewDebt[]): Promise<readonly string[]> {
  const actor = { who: 'watch', why: `a key appeared late under the name ${watch.name}` };
  const orphans: string[] = [];
  for (const key of found) {
    if ((await lookedAfter(tx, key)) || (await insertDebt(tx, key, actor, true)) === null) continue;
    orphans.push(key.issuerKeyId);
    const detail = { name: watch.name, issuer: key.issuer, issuerKeyId: key.issuerKeyId };
    await appendAudit(tx, [{ type: 'key.orphan-found', actor, credential: key.credential, rotationId: watch.rotationId, keyId: null, detail }]);
  }
  return orphans;
}
