import { sql } from 'kysely';
import type { Alert, ChannelStorm } from '../../core/alert.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { AlertFigures, AlertLedger } from '../../ports/alert-ledger.ts';
import { bounded, nowPlus, type Db, type Tx } from '../sql.ts';

const MOST_OPEN = 100_000;
export const ID_OR_PREFIX = /^[0-9A-Z]{1,26}$/;

export function readMethods(db: Db): Pick<AlertLedger, 'open' | 'alert' | 'list' | 'incident' | 'channels' | 'figures'> {
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
    figures: (spanMs) => figures(db, spanMs),
    async channels() {
      const rows = await db.selectFrom('alert_channels').select(['record', 'version']).orderBy('channel').execute();
      return rows.map(({ record, version }) => ({ ...(record as ChannelStorm), version }));
    },
  };
}

interface FiguresRow {
  readonly fired: number;
  readonly info: number;
  readonly warning: number;
  readonly critical: number;
  readonly worst: AlertFigures['worst'];
}

async function figures(db: Db, spanMs: number): Promise<AlertFigures> {
  const { rows } = await sql<FiguresRow>`
    with a as (select id, record->'finding' as finding, state in ('firing', 'recovering') as open, (record->>'firedAt')::float8 as fired_at from keyturn.alerts)
    select count(*) filter (where fired_at > (extract(epoch from ${nowPlus(-spanMs)}) * 1000)::float8)::int as fired,
           ${sql.join(SEVERITIES.map((severity) => sql`count(*) filter (where open and finding->>'severity' = ${severity})::int as ${sql.ref(severity)}`))},
           (select jsonb_build_object('id', id, 'title', finding->>'title', 'severity', finding->>'severity') from a where open
             order by array_position(array['critical', 'warning', 'info'], finding->>'severity'), fired_at, id limit 1) as worst
    from a`.execute(db);
  const { fired = 0, info = 0, warning = 0, critical = 0, worst = null } = rows[0] ?? {};
  return { fired, open: { info, warning, critical }, worst };
}

const SEVERITIES = ['info', 'warning', 'critical'] as const;

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
