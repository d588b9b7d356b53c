/** What scans of usage remember, and how far they came. */
import { sql } from 'kysely';
import { scrub } from '../core/secret.ts';
import type { WatchRecord, WatchState } from '../core/watching.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';
import type { Batch } from './batch.ts';
import { toCaller, toKey, type Row } from './rows.ts';
import type { Methods } from './schema-fence.ts';
import { json, NOW, nowPlus, oneOf, type Db } from './sql.ts';
import { statement, type Statement } from './statement.ts';

const MOST_CREDENTIALS = 100_000;
const MOST_KEYS = 100_000;
const MOST_CALLERS = 100_000;
/** Rows of one statement: a state is some 2 KB, and a parameter must not grow without bound. */
const A_STATEMENT = 500;

export const SCAN_METHODS: Methods<ScanLedger> = {
  activeCredentials: 'reads', minutes: 'reads', callersSince: 'reads', drains: 'reads', firstMinute: 'reads', usedBefore: 'reads', keysToWatch: 'reads', watched: 'reads', scanned: 'reads',
  saveWatched: 'writes', noteScanned: 'writes', pruneWatched: 'writes',
};

export function scanMethods(db: Db, batch: Batch): ScanLedger {
  return {
    async activeCredentials(source, from, until) {
      const rows = await db.selectFrom('usage_minutes as u').innerJoin('keys as k', 'k.id', 'u.key_id').select('k.credential').distinct()
        .where('u.source', '=', source).where('u.at', '>=', from).where('u.at', '<', until).orderBy('k.credential').limit(MOST_CREDENTIALS).execute();
      return rows.map(({ credential }) => credential);
    },
    async firstMinute(source) {
      const row = await db.selectFrom('usage_minutes').select((of) => of.fn.min('at').as('first')).where('source', '=', source).executeTakeFirst();
      return row?.first ?? null;
    },
    async usedBefore(source, credentials, before) {
      if (credentials.length === 0) return new Map();
      const rows = await db.selectFrom('usage_hours as u').innerJoin('keys as k', 'k.id', 'u.key_id').select((of) => ['k.credential', of.fn.max('u.at').as('at')])
        .where('u.source', '=', source).where('u.at', '<', sql<Date>`date_trunc('hour', ${before}::timestamptz, 'UTC')`).where(sql<boolean>`u.requests > u.denied`)
        .where('k.credential', '=', oneOf(credentials)).groupBy('k.credential').execute();
      return new Map(rows.map(({ credential, at }) => [credential, at]));
    },
    async minutes(source, keyIds, from, until) {
      if (keyIds.length === 0) return new Map();
      const { rows } = await sql<{ key_id: string; minutes: readonly Counted[] }>`
        select key_id, json_agg(json_build_array((extract(epoch from at) * 1000)::bigint, requests, failed, denied)) as minutes
        from keyturn.usage_minutes where key_id = ${oneOf(keyIds)} and source = ${source} and at >= ${from} and at < ${until}
        group by key_id`.execute(db);
      return new Map(rows.map(({ key_id, minutes }) => [key_id, new Map(minutes.map(([at, requests, failed, denied]) => [at, { requests, failed, denied }]))]));
    },
    async callersSince(source, keyIds, since) {
      if (keyIds.length === 0) return [];
      const rows = await db.selectFrom('usage_callers').selectAll().where('key_id', '=', oneOf(keyIds)).where('source', '=', source).where('last_seen', '>=', since)
        .orderBy('requests', 'desc').orderBy('address').orderBy('agent').limit(MOST_CALLERS).execute();
      return rows.map(toCaller);
    },
    async keysToWatch(credentials, deadForMs) {
      if (credentials.length === 0) return [];
      const rows = await db.selectFrom('keys').selectAll().where('credential', '=', oneOf(credentials))
        .where(sql<boolean>`(state not in ('revoked', 'lost') or revoked_at >= ${nowPlus(-deadForMs)})`).orderBy('id').limit(MOST_KEYS).execute();
      return rows.map(toKey);
    },
    async drains(credentials) {
      if (credentials.length === 0) return new Map();
      const { rows } = await sql<{ key_id: string; since: Date }>`
        select old_key_id as key_id, greatest(state_since, (notes->>'repairedAt')::timestamptz) as since
        from keyturn.rotations where finished_at is null and state = 'draining' and old_key_id is not null and credential = ${oneOf(credentials)}`.execute(db);
      return new Map(rows.map(({ key_id, since }) => [key_id, since]));
    },
    async watched(source, credentials) {
      if (credentials.length === 0) return [];
      return (await db.selectFrom('usage_watched').selectAll().where('source', '=', source).where('credential', '=', oneOf(credentials)).execute()).map(toState);
    },
    async saveWatched(states) {
      for (let at = 0; at < states.length; at += A_STATEMENT) await batch([save(states.slice(at, at + A_STATEMENT))]);
    },
    async scanned() {
      const rows = await db.selectFrom('usage_sources').select(['source', 'scanned_until']).where('scanned_until', 'is not', null).execute();
      return new Map(rows.flatMap(({ source, scanned_until }) => (scanned_until === null ? [] : [[source, scanned_until] as const])));
    },
    async noteScanned(source, until) {
      await db.insertInto('usage_sources').values({ source, scanned_until: until })
        .onConflict((conflict) => conflict.column('source').doUpdateSet({ scanned_until: sql`greatest(usage_sources.scanned_until, ${until}::timestamptz)` })).execute();
    },
    async pruneWatched(unusedForMs) {
      const usedAt = sql`to_timestamp(coalesce((record->>'usedAt')::float8, (record->>'begunAt')::float8) / 1000)`;
      const result = await sql`
        delete from keyturn.usage_watched w
        where ${usedAt} < ${NOW} - ${unusedForMs}::float8 * interval '1 millisecond'
          and not exists (select from keyturn.credentials c where c.name = w.credential and c.declared)`.execute(db);
      return Number(result.numAffectedRows ?? 0);
    },
  };
}

/** The minute, requests, failed, denied. */
type Counted = readonly [number, number, number, number];

/** In the order of the key, so that two scans at once do not deadlock. */
function save(states: readonly WatchState[]): Statement {
  // Numbers hold no secret; what callers call themselves might.
  const given = JSON.stringify(states.map(({ credential, source, version, until, counts, metric, record }) => ({
    c: credential, s: source, v: version, u: until === null ? null : new Date(until), b: counts === null ? null : Buffer.from(counts).toString('base64'), m: metric ?? null, r: scrub(json(record)),
  })));
  return statement`
    with given as (
      select g.*, case when jsonb_typeof(g.m) = 'null' then null else g.m end as metric
      from jsonb_to_recordset(${given}::jsonb) as g(c text, s text, v int, u timestamptz, b text, m jsonb, r text) order by s, c),
    updated as (
      update keyturn.usage_watched w set version = w.version + 1, until = g.u, counts = decode(g.b, 'base64'), metric = g.metric, record = g.r::jsonb
      from given g where g.v > 0 and w.source = g.s and w.credential = g.c and w.version = g.v)
    insert into keyturn.usage_watched (credential, source, version, until, counts, metric, record)
    select g.c, g.s, 1, g.u, decode(g.b, 'base64'), g.metric, g.r::jsonb from given g where g.v = 0 order by g.s, g.c
    on conflict do nothing`;
}

function toState(row: Row<'usage_watched'>): WatchState {
  return {
    credential: row.credential, source: row.source, version: row.version, until: row.until?.getTime() ?? null,
    counts: row.counts === null ? null : Uint8Array.from(row.counts), metric: row.metric ?? null, record: row.record as WatchRecord,
  };
}
