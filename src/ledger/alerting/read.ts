import { sql } from 'kysely';
import type { Alert, ChannelStorm } from '../../core/alert.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { AlertLedger } from '../../ports/alert-ledger.ts';
import { bounded, type Db, type Tx } from '../sql.ts';

const MOST_OPEN = 100_000;
export const ID_OR_PREFIX = /^[0-9A-Z]{1,26}$/;

export function readMethods(db: Db): Pick<AlertLedger, 'open' | 'alert' | 'list' | 'incident' | 'channels'> {
  return {
    async open() {
      return (await db.selectFrom('alerts').select(['record', 'version']).where('closed', '=', false).orderBy('id').limit(MOST_OPEN).execute()).map(toAlert);
    },
    alert: (idOrPrefix) => byIdOrPrefix(db, idOrPrefix),
    async list({ open, credential, rule }, page) {
      let query = db.selectFrom('alerts').select(['record', 'version']);
      if (open !== undefined) query = query.where('closed', '=', !open);
      if (credential !== undefined) query = query.where('credential', '=', credential);
      if (rule !== undefined) query = query.where('rule', '=', rule);
      return (await query.orderBy(sql`state in ('resolved', 'expired')`).orderBy('id', 'desc').limit(bounded(page)).execute()).map(toAlert);
    },
    async incident(id) {
      return (await db.selectFrom('alerts').select(['record', 'version']).where('incident', '=', id).orderBy('id').limit(MOST_OPEN).execute()).map(toAlert);
    },
    async channels() {
      const rows = await db.selectFrom('alert_channels').select(['record', 'version']).orderBy('channel').execute();
      return rows.map(({ record, version }) => ({ ...(record as ChannelStorm), version }));
    },
  };
}

export function toAlert({ record, version }: { readonly record: unknown; readonly version: number }): Alert {
  return { ...(record as Alert), version };
}

export async function byIdOrPrefix(db: Db | Tx, idOrPrefix: string): Promise<Alert | null> {
  const prefix = idOrPrefix.toUpperCase();
  if (!ID_OR_PREFIX.test(prefix)) return null;
  const [row, another] = await db.selectFrom('alerts').select(['record', 'version']).where('id', '>=', prefix).where('id', '<', `${prefix}~`).orderBy('id').limit(2).execute();
  if (another !== undefined) throw ambiguous('alert', prefix);
  return row === undefined ? null : toAlert(row);
}

export function ambiguous(what: string, prefix: string): KeyturnError {
  return new KeyturnError('USAGE', `More than one ${what} begins with ${prefix}.`, { todo: 'Give more of its id.', effect: 'none' });
}
