/** The audit log as a usage source: passes over it by `since` and `next_cursor`, in bounded batches. */
import { KeyturnError } from '../../core/errors.ts';
import type { UsageEvent } from '../../core/usage.ts';
import { MAX_BATCH, type ReadRequest, type UsageBatch } from '../../ports/usage-source.ts';
import { OVERLAP_MS, packed, parseCursor, shortId, type AuditCursor, type Pass } from './audit-cursor.ts';
import { readAuditEvent, type AuditReading } from './audit-event.ts';
import type { Client } from './client.ts';
import { needsOf } from './needs.ts';
import { refusal } from './refusals.ts';
import { parsePage } from './shapes.ts';
import { badAnswer, hasJson } from './transport.ts';

const PAGE = 500;
const MAX_PAGES = 12;
/** A longer cursor of the service would not fit into ours. */
const LONGEST_PAGE_CURSOR = 2_000;
const ACTION = 'read the audit log';

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | null;
  /** The service's time, epoch milliseconds; ours where it does not tell. */
  readonly served: number;
  /** The pass that it belongs to; null when it is the first page of a new one. */
  readonly pass: Pass | null;
}

/** What was read so far in this batch. */
interface Progress {
  readonly events: UsageEvent[];
  readonly seen: Map<string, number>;
  newest: number;
  malformed: number;
  example: string | null;
  pass: Pass | null;
}

/**
 * The next events after the cursor. A batch ends when it is full, when half of the time-out is used up, when a page after the
 * first fails (the next read meets that failure itself), or when the log is.
 */
export async function readUsage(client: Client, request: ReadRequest, signal: AbortSignal): Promise<UsageBatch> {
  const cursor = parseCursor(request.cursor, request.since);
  const began = performance.now();
  const reading: AuditReading = { fields: client.settings.fields, ownAgent: await client.ownAgent(), needOf: needsOf(client.settings) };
  const at: Progress = { events: [], seen: new Map(cursor.seen), newest: cursor.newest, malformed: 0, example: null, pass: cursor.pass };
  let seenUntil: Date | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    if (pages > 0 && (performance.now() - began > client.settings.timeoutMs / 2 || at.events.length + PAGE > MAX_BATCH)) break;
    const page = await pageOf(client, cursor, at.pass, request.now, signal).catch((thrown: unknown) => laterOnly(thrown, pages));
    if (page === null) break;
    const { page: here, skip, ...pass } = page.pass ?? { floor: cursor.floor, began: page.served, page: '', skip: 0 };
    const read = take(reading, page, { from: skip, floor: pass.floor }, at, request.now);
    const whole = read >= page.items.length;
    at.pass = whole && page.next === null ? null : { ...pass, page: whole ? (page.next ?? '') : here, skip: whole ? 0 : read };
    if (at.pass === null) {
      seenUntil = new Date(Math.min(pass.began, request.now.getTime()) - OVERLAP_MS);
      break;
    }
  }
  const { events, malformed, example } = at;
  return { events, cursor: packed(cursor.floor, at.newest, at.seen, at.pass), seenUntil, more: at.pass !== null, malformed, example };
}

/** What was read already is not thrown away for a later page. */
function laterOnly(thrown: unknown, pages: number): null {
  if (pages === 0 || !(thrown instanceof KeyturnError)) throw thrown;
  return null;
}

/** Answers to a cursor that the service no longer knows, as after a long downtime of ours. */
const CURSOR_GONE = new Set([400, 404, 410, 422]);

/** The page of the pass that is under way, or the first one of a new pass: also when the service has forgotten the other. */
async function pageOf(client: Client, cursor: AuditCursor, pass: Pass | null, now: Date, signal: AbortSignal): Promise<Page> {
  const { name, fields } = client.settings;
  const since = new Date((pass?.floor ?? cursor.floor) + 1).toISOString();
  const query = { since, limit: String(PAGE), ...(pass === null || pass.page === '' ? {} : { cursor: pass.page }) };
  const answer = await client.call({ method: 'GET', path: 'auditLog', query, again: true }, signal);
  if (CURSOR_GONE.has(answer.status) && pass !== null && pass.page !== '') return pageOf(client, cursor, null, now, signal);
  if (answer.status !== 200 || !hasJson(answer)) throw refusal(name, ACTION, answer);
  const parsed = parsePage(answer.json, fields, { items: 'events', cursor: 'eventsCursor' });
  if (!parsed.ok) throw badAnswer(name, `answered the attempt to ${ACTION} in a shape that Keyturn does not know (${parsed.why})`, "Check the issuer's fields; `keyturn doctor` says which of them the service answers.");
  const next = parsed.value.cursor ?? '';
  if (next !== '' && (next === pass?.page || next.length > LONGEST_PAGE_CURSOR)) throw badAnswer(name, `gives a cursor that leads nowhere while Keyturn tries to ${ACTION}`);
  const told = Date.parse(answer.headers.get('date') ?? '');
  return { items: parsed.value.items, next: next === '' ? null : next, served: Number.isNaN(told) ? now.getTime() : told, pass };
}

/** Adds a page's events, as far as the batch has room; answers how many entries of it have been read. */
function take(reading: AuditReading, page: Page, { from, floor }: { readonly from: number; readonly floor: number }, into: Progress, now: Date): number {
  let read = from;
  for (; read < page.items.length && into.events.length < MAX_BATCH; read += 1) {
    const seen = readAuditEvent(page.items[read], reading, now);
    if (seen.is === 'malformed') {
      into.malformed += 1;
      into.example ??= `an event of the audit log whose ${seen.problem}`;
      continue;
    }
    const [id, at] = [shortId(seen.id), seen.at.getTime()];
    if (at <= floor || into.seen.has(id)) continue;
    into.seen.set(id, at);
    // Never ahead of our own clock: a jump of theirs must not make us skip what comes after it is put right.
    into.newest = Math.max(into.newest, Math.min(at, now.getTime()));
    if (seen.event !== null) into.events.push(seen.event);
  }
  return read;
}
