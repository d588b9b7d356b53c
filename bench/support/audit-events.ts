/** An audit log as HyperMemory answers it: events of the last minutes, of many keys and callers; the same each time for the same end. */

export interface AuditWish {
  readonly count: number;
  /** Of the newest event, epoch milliseconds. */
  readonly endMs: number;
  readonly keys: number;
}

export const PAGE = 500;
const ADDRESSES_A_KEY = 20;
const AGENTS = ['app/1.4.2 (linux; node 24)', 'worker/2.0', 'python-httpx/0.28.1'];
const OVER_MS = 3_600_000;

export function keyId(n: number): string {
  return `key-prod-app-${n + 1}`;
}

export function* auditEvents({ count, endMs, keys }: AuditWish): Generator<Readonly<Record<string, unknown>>> {
  for (let n = 0; n < count; n += 1) {
    const key = (n * 7) % keys;
    const address = Math.floor(n / keys) % ADDRESSES_A_KEY;
    const status = n % 97 === 0 ? 401 : n % 31 === 0 ? 500 : 200;
    yield {
      id: `evt_${String(n).padStart(12, '0')}`,
      type: status === 401 ? 'auth.failed' : status === 500 ? 'request.failed' : 'request.succeeded',
      key_id: keyId(key), key_prefix: 'hm_live_', at: new Date(endMs - OVER_MS + Math.floor((n * OVER_MS) / count)).toISOString(),
      ip: `10.${key % 250}.0.${address}`, user_agent: AGENTS[address % AGENTS.length], method: 'POST', path: '/api/v1/memory/recall', status,
    };
  }
}

/** As `GET /v1/audit-log` answers them. */
export function auditPages(wish: AuditWish): readonly string[] {
  const events = [...auditEvents(wish)];
  const pages = Math.ceil(events.length / PAGE);
  return Array.from({ length: pages }, (_, n) => JSON.stringify({ events: events.slice(n * PAGE, (n + 1) * PAGE), next_cursor: n + 1 < pages ? String(n + 1) : null }));
}
