/** Proof that a value is a key: a marked call with the value is looked for in the service's audit log. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Client } from './client.ts';
import { text } from './json.ts';
import { allPages } from './keys.ts';

const LOOKS = 6;
const BETWEEN_LOOKS_MS = 500;
/** Room for a clock that is not ours; the mark tells our call from all others anyway. */
const CLOCK_ROOM_MS = 600_000;

/**
 * `proven` when the audit log shows the marked call under `issuerKeyId`, `refuted` when it shows it under another key
 * or the service refuses the value, `unknown` when the log is not served or does not show it in time.
 */
export async function proveKey(client: Client, value: Secret, issuerKeyId: string, signal: AbortSignal): Promise<'proven' | 'refuted' | 'unknown'> {
  const mark = `keyturn-proof/${randomUUID()} ${await client.ownAgent()}`.trim();
  const since = new Date(Date.now() - CLOCK_ROOM_MS).toISOString();
  const answer = await client.call({ method: 'GET', path: 'overview', key: value, headers: { 'user-agent': mark } }, signal);
  if (answer.status === 401) return 'refuted';
  for (let look = 0; look < LOOKS; look += 1) {
    const seenUnder = await keyOfMarked(client, mark, since, signal);
    if (seenUnder === null) return 'unknown';
    if (seenUnder !== undefined) return seenUnder === issuerKeyId ? 'proven' : 'refuted';
    await sleep(BETWEEN_LOOKS_MS, undefined, { signal });
  }
  return 'unknown';
}

/** Undefined when it is not shown yet, null when the log can't be read. */
async function keyOfMarked(client: Client, mark: string, since: string, signal: AbortSignal): Promise<string | undefined | null> {
  const { fields, maxAuditPages } = client.settings;
  const names = { items: 'events', cursor: 'eventsCursor' } as const;
  try {
    const listing = { path: 'auditLog', action: 'read the audit log', names, query: { since, limit: '500' }, maxPages: maxAuditPages } as const;
    const events = await allPages(client, listing, signal);
    const marked = events.find((event) => text(event, fields.eventUserAgent) === mark);
    return marked === undefined ? undefined : text(marked, fields.eventKeyId);
  } catch (error) {
    if (error instanceof KeyturnError && !signal.aborted) return null;
    throw error;
  }
}
