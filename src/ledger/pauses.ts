import type { Ledger } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { toPause } from './rows.ts';
import { NOW, inTransaction, json, type Db } from './sql.ts';

const MAX_PAUSES = 10_000;

export function pauseMethods(db: Db): Pick<Ledger, 'setPause' | 'clearPause' | 'pauses'> {
  return {
    async setPause({ scope, name, actor }) {
      await inTransaction(db, async (tx) => {
        const row = { scope, name: name ?? '', actor: json(actor), since: NOW };
        await tx.insertInto('pauses').values(row).onConflict((c) => c.columns(['scope', 'name']).doUpdateSet({ actor: row.actor })).execute();
        await appendAudit(tx, [{ type: 'pause.set', actor, ...subject(scope, name) }]);
      });
    },
    clearPause: (scope, name, actor) =>
      inTransaction(db, async (tx) => {
        const query = tx.deleteFrom('pauses').where('scope', '=', scope).where('name', '=', name ?? '');
        if ((await query.executeTakeFirst()).numDeletedRows === 0n) return false;
        await appendAudit(tx, [{ type: 'pause.cleared', actor, ...subject(scope, name) }]);
        return true;
      }),
    async pauses() {
      const rows = await db.selectFrom('pauses').selectAll().orderBy('since').limit(MAX_PAUSES).execute();
      return rows.map(toPause);
    },
  };
}

function subject(scope: string, name: string | null) {
  return { credential: scope === 'credential' ? name : null, rotationId: null, keyId: null, detail: { scope, name } };
}
