/** A ledger with credentials, keys and usage that tests write as they like, and scans of it at instants of their choice. */
import type { Context } from '../../src/app/context.ts';
import { alertQuestions } from '../../src/app/alerts.ts';
import { scanUsage, type Scanned } from '../../src/app/scan.ts';
import { planCredentials } from '../../src/config/index.ts';
import { Distinct } from '../../src/core/distinct.ts';
import type { KeyRecord } from '../../src/core/vocabulary.ts';
import type { Log } from '../../src/ports/log.ts';
import type { UsageIncrement } from '../../src/ports/usage-ledger.ts';
import { load } from '../config/support.ts';
import { asked, fresh, keyOf, plannedTexts, ACTOR } from '../ledger/fixtures.ts';
import { openOn, setClock, type Runtime } from '../support/runtimes.ts';

export const MINUTE = 60_000;
export const DAY = 86_400_000;
/** A Monday. */
export const START = Date.parse('2026-03-02T00:00:00Z');
export const SOURCE = 'audit';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

/** `more`: sections of the configuration; `credential`: lines of each credential. */
export function scanConfig(names: readonly string[], more = '', credential: Readonly<Record<string, string>> = {}) {
  return load(`version: 1
issuers:
  hm: { type: hypermemory, adminKey: "\${env:ADMIN_KEY}" }
stores:
  env: { type: env-file, path: app/.env }
channels:
  ops: { type: slack, token: "\${env:SLACK}", channel: "#ops" }
usage:
  sources:
    ${SOURCE}: { type: issuer, issuer: hm }
policies:
  monthly: { every: 30d, overlap: 1h }
${more}
credentials:
${names.map((name) => `  ${name}: { issuer: hm, scopes: [memory:write], policy: monthly, stores: [{ store: env, variable: K${name.replaceAll(/\W/g, '_').toUpperCase()} }]${credential[name] === undefined ? '' : `, ${credential[name]}`} }`).join('\n')}
`).config;
}

export async function openStage(runtime: Runtime, config: ReturnType<typeof scanConfig>) {
  const running = await runtime.start();
  const opened = await openOn(running);
  let current = config;
  const contextOn = ({ ledger, usage, scans, alerts }: Pick<typeof opened, 'ledger' | 'usage' | 'scans' | 'alerts'>): Context =>
    ({ ledger, usage, scans, alerts, config: () => current, engine: { log, queue: { wake: async () => true, wakeAll: async () => true } } }) as unknown as Context;
  const context = contextOn(opened);
  const declare = async (next: typeof config): Promise<void> => {
    current = next;
    await opened.ledger.declare(plannedTexts(planCredentials(next)));
  };
  await setClock(opened.pool, new Date(START));
  await declare(config);
  return {
    ...opened, context, declare,
    /** A key of the credential in that state. */
    async key(credential: string, state: KeyRecord['state'], { drainsSince, revokedAt }: { drainsSince?: number; revokedAt?: number } = {}): Promise<KeyRecord> {
      const key = await opened.ledger.adopt(keyOf(credential, { issuerKeyId: fresh('ik'), state: 'current', createdAt: new Date(START - 40 * DAY) }), ACTOR, {});
      await opened.pool.query('update keyturn.keys set state = $2, revoked_at = $3 where id = $1', [key.id, state, revokedAt === undefined ? null : new Date(revokedAt)]);
      if (state !== 'current') await opened.pool.query('update keyturn.credentials set current_key_id = null where name = $1', [credential]);
      if (drainsSince !== undefined) {
        const outcome = await opened.ledger.request(asked(credential, { oldKeyId: key.id }));
        await opened.pool.query("update keyturn.rotations set state = 'draining', state_since = $2, old_key_id = $3 where id = $1", [outcome.rotation.id, new Date(drainsSince), key.id]);
      }
      return key;
    },
    /** Usage by minute from `from` on, and that the source has shown all before `until`. */
    async use(usage: { readonly until: number; readonly counts?: readonly Counted[]; readonly callers?: readonly Called[]; readonly source?: string }): Promise<void> {
      const increments = (usage.counts ?? []).flatMap(({ key, from, each }) => each.map((counts, n): UsageIncrement => {
        const { requests, failed = 0, denied = 0 } = typeof counts === 'number' ? { requests: counts } : counts;
        return { keyId: key.id, at: new Date(from + n * MINUTE), requests, failed, denied, addresses: new Distinct().toHex() };
      })).filter(({ requests }) => requests > 0);
      await opened.usage.record({
        source: usage.source ?? SOURCE, cursor: null, batchId: null, seenUntil: new Date(usage.until), unknown: 0, unknownExample: null, malformed: 0, malformedExample: null, increments,
        callers: (usage.callers ?? []).map(({ key, address, agent = 'app/1.0', at, denied = 0 }) => ({ keyId: key.id, address, agent, requests: Math.max(1, denied), failed: 0, denied, firstSeen: new Date(at), lastSeen: new Date(at) })),
      });
    },
    async scan(at: number, on: Context = context): Promise<Scanned> {
      await setClock(opened.pool, new Date(at));
      return await scanUsage(on, new AbortController().signal);
    },
    alerts: (filter: { credential?: string; rule?: string; open?: boolean } = { open: true }) => alertQuestions(context).alerts(filter),
    /** The newest alert of that rule, in full. */
    async detail(credential: string, rule: string) {
      const questions = alertQuestions(context);
      const [newest] = await questions.alerts({ credential, rule });
      if (newest === undefined) throw new Error(`no ${rule} of ${credential}`);
      return await questions.alert(newest.id);
    },
    /** One more worker. Only where the database is shared. */
    async another(): Promise<{ readonly context: Context; readonly close: () => Promise<void> }> {
      const other = await openOn(running);
      return { context: contextOn(other), close: other.close };
    },
    close: () => opened.close().then(() => running.stop()),
  };
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

export interface Counted {
  readonly key: KeyRecord;
  readonly from: number;
  readonly each: readonly (number | { readonly requests: number; readonly failed?: number; readonly denied?: number })[];
}

export interface Called {
  readonly key: KeyRecord;
  readonly address: string;
  readonly agent?: string;
  readonly at: number;
  readonly denied?: number;
}
