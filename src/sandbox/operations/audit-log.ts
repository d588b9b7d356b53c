import { z } from 'zod';
import { ok } from '../answer.ts';
import type { Operation } from '../execute.ts';
import type { EventRow } from '../tables/events.ts';
import { iso, read } from './body.ts';

/** Ids sort as text in the order of the events. */
const ID_DIGITS = 12;
const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

const auditQuery = z.object({
  key_id: z.string().min(1).optional(),
  since: z
    .string()
    .refine((text) => !Number.isNaN(Date.parse(text)), 'expected a date and time as ISO 8601')
    .optional(),
  cursor: z.string().regex(/^evt_\d{12}$/, 'expected next_cursor of an earlier page, or the id of an event').optional(),
  limit: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(DEFAULT_PAGE),
});

/**
 * `GET /v1/audit-log?key_id=&since=&cursor=&limit=`: events in order of `id`. `next_cursor` is null on the last page;
 * the id of the last event seen also serves as a cursor, for those who come back later.
 */
export const auditLog: Operation = {
  needs: 'admin',
  run({ account, query }) {
    const { key_id, since, cursor, limit } = read(auditQuery, query);
    const found = account.events.page({
      keyId: key_id,
      since: since === undefined ? undefined : Date.parse(since),
      afterSeq: cursor === undefined ? 0 : Number(cursor.slice('evt_'.length)),
      limit: limit + 1,
    });
    const events = found.slice(0, limit).map(shown);
    return ok({ events, next_cursor: found.length > limit ? (events.at(-1)?.id ?? null) : null });
  },
};

function shown(row: EventRow): { readonly id: string } & Record<string, unknown> {
  return {
    id: `evt_${String(row.seq).padStart(ID_DIGITS, '0')}`,
    type: row.type,
    key_id: row.keyId,
    key_prefix: row.keyPrefix,
    at: iso(row.at),
    ip: row.ip,
    user_agent: row.userAgent,
    method: row.method,
    path: row.path,
    status: row.status,
  };
}
