import type { Ledger, NameWatch, NewDebt, NewWatch } from '../ports/ledger.ts';
import type { Batch } from './batch.ts';
import { addOrphan } from './debts.ts';
import { toWatch } from './rows.ts';
import { NOW, type Db } from './sql.ts';
import { atNowPlus, statement, type Statement } from './statement.ts';

const MAX_WATCHES = 10_000;

export function watchMethods(db: Db, batch: Batch): Pick<Ledger, 'watches' | 'watchFound' | 'dropExpiredWatches'> {
  return {
    async watches(issuer) {
      let query = db.selectFrom('watches').selectAll().where('until', '>', NOW);
      if (issuer !== undefined) query = query.where('issuer', '=', issuer);
      return (await query.orderBy('until').limit(MAX_WATCHES).execute()).map(toWatch);
    },
    watchFound: (watch, found) => watchFound(batch, watch, found),
    async dropExpiredWatches() {
      const result = await db.deleteFrom('watches').where('until', '<=', NOW).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** Watching a name that is watched already only prolongs it. */
export function watchStatement({ issuer, name, credential, rotationId, forMs }: NewWatch): Statement {
  return statement`
    insert into keyturn.watches (issuer, name, credential, rotation_id, until)
    values (${issuer}, ${name}, ${credential}, ${rotationId}, ${atNowPlus(forMs)})
    on conflict (issuer, name) do update set until = excluded.until`;
}

async function watchFound(batch: Batch, watch: NameWatch, found: readonly NewDebt[]): Promise<readonly string[]> {
  const actor = { who: 'watch', why: `a key appeared late under the name ${watch.name}` };
  const orphans: string[] = [];
  for (const key of found) {
    const detail = { name: watch.name, issuer: key.issuer, issuerKeyId: key.issuerKeyId };
    const told = { type: 'key.orphan-found', actor, credential: key.credential, rotationId: watch.rotationId, keyId: null, detail };
    if ((await addOrphan(batch, key, actor, { once: true, told })) !== null) orphans.push(key.issuerKeyId);
  }
  return orphans;
}
