import { sql } from 'kysely';
import type { ChannelLag } from '../ports/ledger.ts';
import { NOW, type Db } from './sql.ts';

interface LagRow {
  readonly channel: string;
  readonly waiting: number;
  readonly stuck: number;
  readonly oldest: number | null;
  readonly failing: number | null;
  readonly last_error: string | null;
}

const ageMs = (column: string) => sql`(extract(epoch from ${NOW} - ${sql.raw(column)}) * 1000)::float8`;

/** See `Ledger.channelLags`. A channel fails since its oldest failed message was written, or since it last took one of the newer. */
export async function channelLags(db: Db): Promise<readonly ChannelLag[]> {
  const { rows } = await sql<LagRow>`
    select u.channel, u.waiting, u.stuck, ${ageMs('u.oldest_at')} as oldest, ${ageMs('greatest(u.failed_at, d.delivered_at)')} as failing, u.last_error
    from (select channel,
                 count(*) filter (where state = 'waiting')::int as waiting,
                 count(*) filter (where state = 'stuck')::int as stuck,
                 min(created_at) filter (where state = 'waiting') as oldest_at,
                 min(created_at) filter (where last_error is not null) as failed_at,
                 (array_agg(last_error order by id desc) filter (where last_error is not null))[1] as last_error
          from keyturn.deliveries where state in ('waiting', 'stuck') group by channel) u
    left join lateral (select delivered_at from keyturn.deliveries
                       where channel = u.channel and state = 'delivered' and u.failed_at is not null order by id desc limit 1) d on true
    order by u.channel collate "C"`.execute(db);
  return rows.map((row) => ({
    channel: row.channel, waiting: row.waiting, stuck: row.stuck, oldestAgeMs: row.oldest,
    failingMs: row.last_error === null ? null : row.failing, lastError: row.last_error,
  }));
}
