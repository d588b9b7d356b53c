/** Writing a batch of usage: counts, callers and the source's cursor in one transaction. */
import { scrub } from '../core/secret.ts';
import { CALLERS_BY_REQUESTS, CALLERS_BY_TIME, type RecordOutcome, type UsageRecord } from '../ports/usage-ledger.ts';
import { because, Refused, type Batch } from './batch.ts';
import { AT_NOW, fragment, statement, type Fragment, type Statement } from './statement.ts';

/** One transaction. Two writers of one source wait for each other at the source's row, so that they never deadlock further down. */
export async function record(batch: Batch, usage: UsageRecord): Promise<RecordOutcome> {
  try {
    await batch([known(usage.source), ...moved(usage), ...counted(usage), ...called(usage), ...needed(usage)]);
    return 'recorded';
  } catch (error) {
    if (error instanceof Refused) return (error.refusal as { outcome: RecordOutcome }).outcome;
    throw error;
  }
}

export function known(source: string): Statement {
  return statement`insert into keyturn.usage_sources (source) values (${source}) on conflict do nothing`;
}

function moved({ source, cursor, batchId, seenUntil, unknown, unknownExample, malformed, malformedExample }: UsageRecord): readonly Statement[] {
  const next = cursor === null ? null : JSON.stringify(cursor.next ?? null);
  const claim = statement`
    with moved as (
      update keyturn.usage_sources set
        cursor = coalesce(${next}::jsonb, cursor), version = version + 1,
        seen_until = greatest(seen_until, ${seenUntil}::timestamptz),
        read_at = ${AT_NOW}, failing_since = null, last_error = null,
        unknown = unknown + ${unknown}::bigint, unknown_example = coalesce(${unknownExample === null ? null : scrub(unknownExample)}, unknown_example),
        malformed = malformed + ${malformed}::bigint, malformed_example = coalesce(${malformedExample === null ? null : scrub(malformedExample)}, malformed_example),
        malformed_at = case when ${malformed}::bigint > 0 then ${AT_NOW} else malformed_at end
      where source = ${source} and (${cursor?.expect ?? null}::int is null or version = ${cursor?.expect ?? null}::int)
      returning 1)
    select case when not exists (select from moved) then keyturn.refuse(${because({ outcome: 'stale' })}) end`;
  if (batchId === null) return [claim];
  const once = statement`
    with added as (
      insert into keyturn.usage_batches (source, id, at) values (${source}, ${batchId}, ${AT_NOW}) on conflict do nothing returning 1)
    select case when not exists (select from added) then keyturn.refuse(${because({ outcome: 'repeated' })}) end`;
  return [claim, once];
}

const UNITS = [['minutes', fragment`i.at`], ['hours', fragment`date_trunc('hour', i.at, 'UTC')`]] as const;

function counted({ source, increments }: UsageRecord): readonly Statement[] {
  if (increments.length === 0) return [];
  const given = JSON.stringify(increments.map(({ keyId, at, requests, failed, denied, addresses }) => ({ k: keyId, at, r: requests, f: failed, d: denied, a: addresses })));
  return UNITS.map(([unit, at]) => {
    const table = TABLES[unit];
    // In the order of the primary key: two transactions that touch the same rows take them in the same order.
    return statement`
      insert into keyturn.${table} as u (key_id, source, at, requests, failed, denied, addresses)
      select i.k, ${source}, ${at}, sum(i.r), sum(i.f), sum(i.d), bit_or(('x' || i.a)::bit(512))
      from jsonb_to_recordset(${given}::jsonb) as i(k text, at timestamptz, r bigint, f bigint, d bigint, a text)
      group by 1, 3 order by 1, 3
      on conflict (key_id, source, at) do update set
        requests = u.requests + excluded.requests, failed = u.failed + excluded.failed, denied = u.denied + excluded.denied, addresses = u.addresses | excluded.addresses`;
  });
}

const TABLES: Readonly<Record<'minutes' | 'hours', Fragment>> = { minutes: fragment`usage_minutes`, hours: fragment`usage_hours` };

function called({ source, callers }: UsageRecord): readonly Statement[] {
  if (callers.length === 0) return [];
  const clean = scrubbedOnce();
  const given = JSON.stringify(callers.map(({ keyId, address, agent, requests, failed, denied, firstSeen, lastSeen }) => ({ k: keyId, a: clean(address), u: clean(agent), r: requests, f: failed, d: denied, s: firstSeen, e: lastSeen })));
  const keys = JSON.stringify([...new Set(callers.map(({ keyId }) => keyId))]);
  return [
    statement`
      insert into keyturn.usage_callers as c (key_id, source, address, agent, requests, failed, denied, first_seen, last_seen)
      select i.k, ${source}, i.a, i.u, sum(i.r), sum(i.f), sum(i.d), min(i.s), max(i.e)
      from jsonb_to_recordset(${given}::jsonb) as i(k text, a text, u text, r bigint, f bigint, d bigint, s timestamptz, e timestamptz)
      group by 1, 3, 4 order by 1, 3, 4
      on conflict (key_id, source, address, agent) do update set
        requests = c.requests + excluded.requests, failed = c.failed + excluded.failed, denied = c.denied + excluded.denied,
        first_seen = least(c.first_seen, excluded.first_seen), last_seen = greatest(c.last_seen, excluded.last_seen)`,
    statement`
      delete from keyturn.usage_callers c using (
        select key_id, address, agent,
          row_number() over (partition by key_id order by requests desc, address, agent) as by_requests,
          row_number() over (partition by key_id order by last_seen desc, address, agent) as by_time
        from keyturn.usage_callers
        where source = ${source} and key_id in (
          select key_id from keyturn.usage_callers
          where source = ${source} and key_id in (select jsonb_array_elements_text(${keys}::jsonb))
          group by key_id having count(*) > ${Math.max(CALLERS_BY_REQUESTS, CALLERS_BY_TIME)}::int)) ranked
      where c.source = ${source} and c.key_id = ranked.key_id and c.address = ranked.address and c.agent = ranked.agent
        and ranked.by_requests > ${CALLERS_BY_REQUESTS}::int and ranked.by_time > ${CALLERS_BY_TIME}::int`,
  ];
}

function needed({ source, needs = [] }: UsageRecord): readonly Statement[] {
  if (needs.length === 0) return [];
  const clean = scrubbedOnce();
  const given = JSON.stringify(needs.map(({ keyId, need, requests, refused, firstSeen, lastSeen }) => ({ k: keyId, n: clean(need), r: requests, x: refused, s: firstSeen, e: lastSeen })));
  return [statement`
    insert into keyturn.usage_needs as n (key_id, source, need, requests, refused, first_seen, last_seen)
    select i.k, ${source}, i.n, sum(i.r), sum(i.x), min(i.s), max(i.e)
    from jsonb_to_recordset(${given}::jsonb) as i(k text, n text, r bigint, x bigint, s timestamptz, e timestamptz)
    group by 1, 3 order by 1, 3
    on conflict (key_id, source, need) do update set
      requests = n.requests + excluded.requests, refused = n.refused + excluded.refused,
      first_seen = least(n.first_seen, excluded.first_seen), last_seen = greatest(n.last_seen, excluded.last_seen)`];
}

/** Callers share addresses and agents: each text is looked through once. */
function scrubbedOnce(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const clean = known.get(text) ?? scrub(text);
    known.set(text, clean);
    return clean;
  };
}
