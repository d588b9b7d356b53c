import { sql } from 'kysely';
import { KeyturnError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import type { Notice, Severity } from '../core/vocabulary.ts';
import type { IncidentNews } from '../ports/channel.ts';
import type { Change, Delivery, Ledger } from '../ports/ledger.ts';
import { newId } from './ids.ts';
import { toDelivery, type Row } from './rows.ts';
import { AT_NOW, statement, type Statement } from './statement.ts';
import { LEASE_FREE, NOW, advisoryLock, bounded, inTransaction, json, nowPlus, type Db, type Tx } from './sql.ts';

/** False while an earlier message of the same incident to the same channel has not got through: a thread begins with its beginning. */
const IN_TURN = sql<boolean>`(incident is null or not exists (
  select from keyturn.deliveries before
  where before.incident = deliveries.incident and before.channel = deliveries.channel and before.state = 'waiting'
    and (before.created_at, before.id) < (deliveries.created_at, deliveries.id)))`;

type OutboxMethods = 'notify' | 'deliverable' | 'dueChannels' | 'leaseDelivery' | 'delivered' | 'undelivered' | 'deliveries' | 'retryStuck';

/** Puts notices into the outbox once per (origin, channel, dedupeKey), in the transaction of their cause. */
export function noticeStatements(notices: NonNullable<Change['notices']>, origin: string): readonly Statement[] {
  const rows = notices.flatMap(({ notice, channels }) => channels.map((channel) => ({ id: newId(), channel, notice, dedupe_key: notice.dedupeKey })));
  if (rows.length === 0) return [];
  return [statement`
    insert into keyturn.deliveries (id, channel, notice, dedupe_key, origin, created_at, next_try_at)
    select id, channel, notice, dedupe_key, ${origin}, ${AT_NOW}, ${AT_NOW}
    from jsonb_to_recordset(${scrub(json(rows))}::jsonb) as d(id text, channel text, notice jsonb, dedupe_key text)
    on conflict do nothing`];
}

function deliveryRow(notice: Notice, channel: string) {
  return {
    id: newId(),
    channel,
    notice: scrub(json(notice)),
    dedupe_key: notice.dedupeKey,
    origin: null,
    created_at: NOW,
    next_try_at: NOW,
  };
}

export function outboxMethods(db: Db): Pick<Ledger, OutboxMethods> {
  return {
    async notify(notice, channels, quietMs) {
      await inTransaction(db, async (tx) => {
        for (const channel of [...new Set(channels)].sort()) await notifyChannel(tx, notice, channel, quietMs);
      });
    },
    async deliverable(limit, channel) {
      let due = db.selectFrom('deliveries').select('id').where('state', '=', 'waiting').where('next_try_at', '<=', NOW).where(LEASE_FREE).where(IN_TURN);
      if (channel !== undefined) due = due.where('channel', '=', channel);
      return (await due.orderBy('next_try_at').orderBy('id').limit(limit).execute()).map((row) => row.id);
    },
    async dueChannels() {
      const due = db.selectFrom('deliveries').select('channel').distinct().where('state', '=', 'waiting').where('next_try_at', '<=', NOW).where(LEASE_FREE).where(IN_TURN);
      return (await due.execute()).map((row) => row.channel).sort();
    },
    leaseDelivery: (id, worker, ttlMs) => leaseDelivery(db, id, worker, ttlMs),
    delivered: (delivery, receipt) =>
      finish(db, delivery, { state: 'delivered', receipt: scrub(receipt), delivered_at: NOW, last_error: null }),
    undelivered: (delivery, error, delayMs) =>
      finish(db, delivery, {
        last_error: scrub(error),
        ...(delayMs === null ? { state: 'stuck' } : { next_try_at: nowPlus(delayMs) }),
      }),
    async deliveries(filter, page) {
      let query = db.selectFrom('deliveries').selectAll();
      if (filter.state !== undefined) query = query.where('state', '=', filter.state);
      if (page.before !== undefined) query = query.where('id', '<', page.before);
      return (await query.orderBy('id', 'desc').limit(bounded(page)).execute()).map((row) => toDelivery(row));
    },
    async retryStuck(channel) {
      let query = db.updateTable('deliveries').set({ state: 'waiting', next_try_at: NOW }).where('state', '=', 'stuck');
      if (channel !== undefined) query = query.where('channel', '=', channel);
      return Number((await query.executeTakeFirst()).numUpdatedRows);
    },
  };
}

async function notifyChannel(tx: Tx, notice: Notice, channel: string, quietMs: number): Promise<void> {
  await advisoryLock(tx, 'notify', channel, notice.dedupeKey);
  const told = await tx
    .selectFrom('deliveries')
    .select('id')
    .where('channel', '=', channel)
    .where('dedupe_key', '=', notice.dedupeKey)
    .where('created_at', '>', nowPlus(-quietMs))
    .limit(1)
    .executeTakeFirst();
  if (told === undefined) await tx.insertInto('deliveries').values(deliveryRow(notice, channel)).execute();
}

/** `attempts` rises with each lease, so it also fences: who took it before can no longer say how it went. */
async function leaseDelivery(db: Db, id: string, worker: string, ttlMs: number): Promise<Delivery | null> {
  const free = db.selectFrom('deliveries').select('id').where('id', '=', id).where('state', '=', 'waiting');
  const row = await db
    .updateTable('deliveries')
    .set({ worker, lease_until: nowPlus(ttlMs), attempts: sql<number>`attempts + 1` })
    .where('id', '=', free.where('next_try_at', '<=', NOW).where(LEASE_FREE).where(IN_TURN).forUpdate().skipLocked())
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toDelivery(row, await saidBefore(db, row));
}

/** What the channel gave back for the incident's first message, and how bad it was said to be. What was refused may have arrived all the same. */
async function saidBefore(db: Db, { id, incident, channel }: Row<'deliveries'>): Promise<Pick<IncidentNews, 'rootReceipt' | 'toldAs'>> {
  if (incident === null) return { rootReceipt: null, toldAs: [] };
  const { rows } = await sql<{ root: string | null; told: Severity[] | null }>`
    select (array_agg(receipt order by created_at, id) filter (where state = 'delivered' and receipt is not null))[1] as root, jsonb_agg(distinct notice->>'severity') as told
    from keyturn.deliveries where incident = ${incident} and channel = ${channel} and id <> ${id} and (state = 'delivered' or (state = 'stuck' and attempts > 0))`.execute(db);
  return { rootReceipt: rows[0]?.root ?? null, toldAs: rows[0]?.told ?? [] };
}

async function finish(db: Db, delivery: Delivery, outcome: Readonly<Record<string, unknown>>): Promise<void> {
  const mine = await db
    .updateTable('deliveries')
    .set({ ...outcome, worker: null, lease_until: null })
    .where('id', '=', delivery.id)
    .where('state', '=', 'waiting')
    .where('attempts', '=', delivery.attempts)
    .returning('id')
    .executeTakeFirst();
  if (mine !== undefined) return;
  throw new KeyturnError('LEASE_LOST', `Another worker took over the delivery ${delivery.id}: its outcome is that worker's to write.`, { effect: 'none' });
}
