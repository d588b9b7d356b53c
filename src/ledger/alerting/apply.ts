/** Writing what happened to alerts, and the messages that tell of it, in one transaction. */
import type { Alert, ChannelStorm } from '../../core/alert.ts';
import { scrub } from '../../core/secret.ts';
import type { AlertChanges, AlertDelivery } from '../../ports/alert-ledger.ts';
import { because, Refused, type Batch } from '../batch.ts';
import { newId } from '../ids.ts';
import { AT_NOW, fragment, lockWords, statement, type Fragment, type Statement } from '../statement.ts';

/** Whoever changes alerts holds this until the end of the transaction: writes are short, and so nobody waits for two rows at once. */
export const ALERTS_LOCK = 'alerts';
/** Rows of one statement: thousands of alerts begin at once, and a parameter must not grow without bound. */
const A_STATEMENT = 500;

const isNew = ({ version }: { readonly version: number }): boolean => version === 0;
const isKnown = ({ version }: { readonly version: number }): boolean => version > 0;

const STALE = because({ outcome: 'stale' });

export async function apply(batch: Batch, { alerts, dropped, channels, deliveries }: AlertChanges): Promise<'applied' | 'stale'> {
  const statements = [
    ...inPieces(dropped, drop),
    ...inPieces(alerts.filter(isKnown), (some) => guarded(TABLES.alerts, alertId, 'update', some)),
    ...inPieces(alerts.filter(isNew), (some) => guarded(TABLES.alerts, alertId, 'insert', some)),
    ...inPieces(channels.filter(isKnown), (some) => guarded(TABLES.channels, channelName, 'update', some)),
    ...inPieces(channels.filter(isNew), (some) => guarded(TABLES.channels, channelName, 'insert', some)),
    ...inPieces(deliveries, deliver),
  ];
  if (statements.length === 0) return 'applied';
  try {
    await batch([lockWords(ALERTS_LOCK), ...statements]);
    return 'applied';
  } catch (error) {
    if (error instanceof Refused) return 'stale';
    throw error;
  }
}

function inPieces<T>(all: readonly T[], write: (some: readonly T[]) => Statement): readonly Statement[] {
  return Array.from({ length: Math.ceil(all.length / A_STATEMENT) }, (_, n) => write(all.slice(n * A_STATEMENT, (n + 1) * A_STATEMENT)));
}

interface Target {
  readonly table: Fragment;
  readonly key: Fragment;
}

const TABLES = {
  alerts: { table: fragment`keyturn.alerts`, key: fragment`id` },
  channels: { table: fragment`keyturn.alert_channels`, key: fragment`channel` },
} as const satisfies Readonly<Record<string, Target>>;

interface Versioned {
  readonly version: number;
}

const alertId = ({ id }: Alert): string => id;
const channelName = ({ channel }: ChannelStorm): string => channel;

/** Refuses unless every row is as it was seen: there with that version, or not there at all. */
function guarded<T extends Versioned>({ table, key }: Target, idOf: (record: T) => string, what: 'update' | 'insert', some: readonly T[]): Statement {
  const rows = scrub(JSON.stringify(some.map((record) => ({ k: idOf(record), v: record.version, r: record }))));
  const given = fragment`jsonb_to_recordset(${rows}::jsonb) as g(k text, v int, r jsonb)`;
  const write = what === 'update'
    ? fragment`update ${table} t set version = g.v + 1, record = g.r from ${given} where t.${key} = g.k and t.version = g.v returning 1`
    : fragment`insert into ${table} (${key}, version, record) select g.k, 1, g.r from ${given} on conflict do nothing returning 1`;
  return statement`
    with written as (${write})
    select case when (select count(*) from written) <> ${some.length}::int then keyturn.refuse(${STALE}) end`;
}

function drop(some: readonly { readonly id: string; readonly version: number }[]): Statement {
  const rows = JSON.stringify(some.map(({ id, version }) => ({ k: id, v: version })));
  return statement`
    with gone as (
      delete from keyturn.alerts t using jsonb_to_recordset(${rows}::jsonb) as g(k text, v int) where t.id = g.k and t.version = g.v returning 1)
    select case when (select count(*) from gone) <> ${some.length}::int then keyturn.refuse(${STALE}) end`;
}

/** Puts messages about incidents into the outbox, each once. */
export function deliver(some: readonly AlertDelivery[]): Statement {
  const rows = some.map(({ channel, incident, status, notice }) => ({ id: newId(), channel, notice, dedupe_key: notice.dedupeKey, incident, status }));
  return statement`
    insert into keyturn.deliveries (id, channel, notice, dedupe_key, origin, incident, incident_status, created_at, next_try_at)
    select id, channel, notice, dedupe_key, 'incident:' || incident, incident, status, ${AT_NOW}, ${AT_NOW}
    from jsonb_to_recordset(${scrub(JSON.stringify(rows))}::jsonb) as d(id text, channel text, notice jsonb, dedupe_key text, incident text, status text)
    on conflict do nothing`;
}
