/** Reading usage back. */
import { sql } from 'kysely';
import { Distinct } from '../core/distinct.ts';
import { MAX_CLUES, type SourceState, type UsageLedger, type UsageNeed } from '../ports/usage-ledger.ts';
import { json, oneOf, type Db } from './sql.ts';
import { countsOf, toCaller, type Row } from './rows.ts';

const MOST_BUCKETS = 100_000;
const SHORTEST_PREFIX = 4;
const LONGEST_PREFIX = 64;
const LIVE = sql<boolean>`k.state in ('staged', 'current', 'draining', 'condemned')`;

/** How the key that a clue names is found. A logged prefix may be longer than the one that the issuer lists, never shorter. */
const FITS = {
  id: sql<boolean>`k.issuer_key_id = c.clue`,
  fingerprint: sql<boolean>`k.fingerprint = c.clue`,
  prefix: sql<boolean>`k.prefix in (select left(c.clue, n) from generate_series(${sql.lit(SHORTEST_PREFIX)}, ${sql.lit(LONGEST_PREFIX)}) n where n <= length(c.clue))`,
} as const;

export function readMethods(db: Db): Pick<UsageLedger, 'keysByClue' | 'source' | 'sources' | 'buckets' | 'activeKeys' | 'lastUsed' | 'callers' | 'needs' | 'credentialNeeds'> {
  return {
    async keysByClue(kind, clues) {
      if (clues.length === 0) return new Map();
      if (clues.length > MAX_CLUES) throw new RangeError(`${clues.length} clues at once`);
      const { rows } = await sql<{ clue: string; id: string }>`
        select * from (
          select c.clue, case when count(*) filter (where ${LIVE}) = 1 then min(k.id) filter (where ${LIVE}) when count(*) = 1 then min(k.id) end as id
          from jsonb_array_elements_text(${json(clues)}::jsonb) as c(clue)
          join keyturn.keys k on ${FITS[kind]}
          group by c.clue) found
        where id is not null`.execute(db);
      return new Map(rows.map(({ clue, id }) => [clue, id]));
    },
    async source(name) {
      const row = await db.selectFrom('usage_sources').selectAll().where('source', '=', name).executeTakeFirst();
      return row === undefined ? unread(name) : toState(row);
    },
    async sources() {
      return (await db.selectFrom('usage_sources').selectAll().orderBy('source').execute()).map(toState);
    },
    async buckets(keyIds, step, from, until) {
      if (keyIds.length === 0) return [];
      const table = step === 'minute' ? 'usage_minutes' : 'usage_hours';
      const query = db.selectFrom(table).select(['key_id', 'source', 'at', 'requests', 'failed', 'denied', sql<string>`addresses::text`.as('addresses')]);
      const rows = await query.where('key_id', '=', oneOf(keyIds)).where('at', '>=', from).where('at', '<', until).orderBy('at').orderBy('key_id').orderBy('source').limit(MOST_BUCKETS).execute();
      return rows.map((row) => ({ keyId: row.key_id, source: row.source, at: row.at, ...countsOf(row), addresses: Distinct.fromBitText(row.addresses).estimate() }));
    },
    async activeKeys(from, until) {
      const rows = await db.selectFrom('usage_minutes').select(['key_id', 'source']).distinct().where('at', '>=', from).where('at', '<', until).orderBy('key_id').orderBy('source').execute();
      return rows.map((row) => ({ keyId: row.key_id, source: row.source }));
    },
    async lastUsed(keyIds, sources) {
      if (keyIds.length === 0) return new Map();
      const used = sql`key_id = ${oneOf(keyIds)} and requests > denied ${sources === undefined ? sql`` : sql`and source = ${oneOf(sources)}`}`;
      // Minutes are kept for days, hours for months: whichever still knows.
      const { rows } = await sql<{ key_id: string; at: Date }>`
        select key_id, max(at) as at from (
          select key_id, max(at) as at from keyturn.usage_minutes where ${used} group by key_id
          union all
          select key_id, max(at) from keyturn.usage_hours where ${used} group by key_id) used
        group by key_id`.execute(db);
      return new Map(rows.map(({ key_id, at }) => [key_id, at]));
    },
    async callers(keyIds) {
      if (keyIds.length === 0) return [];
      const rows = await db.selectFrom('usage_callers').selectAll().where('key_id', '=', oneOf(keyIds)).orderBy('requests', 'desc').orderBy('address').orderBy('agent').limit(MOST_BUCKETS).execute();
      return rows.map(toCaller);
    },
    async needs(keyIds) {
      if (keyIds.length === 0) return [];
      const rows = await db.selectFrom('usage_needs').selectAll().where('key_id', '=', oneOf(keyIds)).orderBy('requests', 'desc').orderBy('source').orderBy('need').limit(MOST_BUCKETS).execute();
      return rows.map((row) => ({ keyId: row.key_id, ...toNeed(row) }));
    },
    async credentialNeeds(credentials) {
      if (credentials.length === 0) return [];
      const { rows } = await sql<NeedRow & { readonly credential: string; readonly scopes: readonly string[] }>`
        select k.credential, k.scopes, n.source, n.need, sum(n.requests) as requests, sum(n.refused) as refused, min(n.first_seen) as first_seen, max(n.last_seen) as last_seen
        from keyturn.usage_needs n join keyturn.keys k on k.id = n.key_id
        where k.credential = ${oneOf(credentials)}
        group by 1, 2, 3, 4 order by sum(n.requests) desc, 1, 3, 4 limit ${sql.lit(MOST_BUCKETS)}`.execute(db);
      return rows.map(({ credential, scopes, ...row }) => ({ credential, scopes, ...toNeed(row) }));
    },
  };
}

type NeedRow = Omit<Row<'usage_needs'>, 'key_id'>;

function toNeed(row: NeedRow): UsageNeed {
  return { source: row.source, need: row.need, requests: Number(row.requests), refused: Number(row.refused), firstSeen: row.first_seen, lastSeen: row.last_seen };
}

function unread(source: string): SourceState {
  return { source, cursor: null, version: 0, seenUntil: null, readAt: null, failingSince: null, lastError: null, unknown: 0, unknownExample: null, malformed: 0, malformedExample: null, malformedAt: null };
}

function toState(row: Row<'usage_sources'>): SourceState {
  return {
    source: row.source, cursor: row.cursor, version: row.version, seenUntil: row.seen_until, readAt: row.read_at, failingSince: row.failing_since, lastError: row.last_error,
    unknown: Number(row.unknown), unknownExample: row.unknown_example, malformed: Number(row.malformed), malformedExample: row.malformed_example, malformedAt: row.malformed_at,
  };
}
