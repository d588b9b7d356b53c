/** A ledger and a queue without the rest of a worker, filled with credentials that have keys already. */
import { jobDefinitions } from '../../jobs/index.ts';
import { REAL_CLOCK } from '../../src/app/app.ts';
import { planCredentials } from '../../src/config/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { Secret, fingerprinter } from '../../src/core/secret.ts';
import { openLedger, type OpenLedger } from '../../src/ledger/index.ts';
import { createLogger } from '../../src/log/index.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { LANES, type JobDefinition } from '../../src/ports/queue.ts';
import type { UsageLedger } from '../../src/ports/usage-ledger.ts';
import { openQueue } from '../../src/queue/index.ts';
import { sweep } from '../../src/rotation/due.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import type { Runtime } from './runtimes.ts';

export interface Book {
  readonly ledger: Ledger;
  readonly usage: UsageLedger;
  /** Declares so many credentials, and the same ones once more, and gives each a key. Milliseconds. */
  declare(size: number): Promise<{ readonly declare: number; readonly again: number }>;
  /** Forgets all rotations, and makes so many credentials due; everything else is due in a month. */
  makeDue(count: number): Promise<void>;
  select(limit: number): Promise<unknown>;
  turn(): Promise<void>;
  /** Rotations requested since `makeDue`. */
  requested(): Promise<number>;
  close(): Promise<void>;
}

const IN_A_TEXT = 100;
export const ROOT_KEY = new Secret('root-key-of-the-benchmark-0123456789abcdef');
const INTERVALS = { sweepMs: 1, debtsMs: 1, inventoryMs: 1, inspectMs: 1, deliverMs: 1, sealMs: 1, usageMs: 1, scanMs: 1 };
const CONFIG = `
version: 1
issuers: { hm: { type: hypermemory, adminKey: "\${file:/nowhere}", plan: enterprise } }
stores: { env: { type: env-file } }
policies: { monthly: { every: 30d } }
credentials: { prod-app: { issuer: hm, scopes: ["memory:write"], policy: monthly, owner: bench, stores: [{ store: env, path: /nowhere/app.env }] } }
`;

export async function openBook(dataDir: string, { databaseUrl, redisUrl }: Runtime): Promise<Book> {
  const { ledger, usage, pool } = await openLedger({ dataDir, rootKey: ROOT_KEY, ...(databaseUrl === null ? {} : { databaseUrl }) });
  const queue = await openQueue({ pool, kind: ledger.kind, ...(redisUrl === null ? {} : { redisUrl }) });
  await queue.start(idleJobs(), { concurrency: Object.fromEntries(LANES.map((lane) => [lane, 1])) as Record<(typeof LANES)[number], number> });
  const engine: Engine = {
    ledger, queue, fingerprint: fingerprinter(ROOT_KEY), clock: REAL_CLOCK, worker: 'bench',
    log: createLogger({ level: 'info', destination: { write: () => undefined } }),
    plugins: () => Promise.reject(new Error('a sweep over credentials with keys opens no plug-in')),
  };
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await pool.query(statement);
  };
  return {
    ledger, usage,
    async declare(size) {
      const declared = texts(size);
      const [first, again] = [await took(() => ledger.declare(declared)), await took(() => ledger.declare(declared))];
      await run([...GIVE_KEYS, ...(ledger.kind === 'postgres' ? ['analyze keyturn.credentials, keyturn.keys, keyturn.rotations'] : [])]);
      return { declare: first, again };
    },
    makeDue: (count) => run([...FORGET, dueStatement(count)]),
    select: (limit) => ledger.dueCredentials(limit),
    turn: () => sweep(engine, new AbortController().signal),
    requested: async () => Number((await pool.query('select count(*) as n from keyturn.rotations')).rows[0]?.['n']),
    async close() {
      await queue.close(1_000);
      await ledger.close();
    },
  };
}

const nothing = async (): Promise<void> => undefined;

/** The worker's own jobs by name and lane, so that waking them is real; none of them does or schedules anything. */
function idleJobs(): readonly JobDefinition[] {
  const work = { sweep: nothing, advance: nothing, payDebts: nothing, inventory: nothing, inspect: nothing, deliver: nothing, sealAudit: nothing, summarise: nothing, readUsage: nothing, scanUsage: nothing, beat: nothing, watchChannels: nothing, handleLeaks: nothing, fetchLeaks: nothing, matchLeaks: nothing, respond: nothing, takeRecords: nothing, reportIncidents: nothing, drill: nothing };
  return jobDefinitions(work, INTERVALS).map((job) => ({ ...job, everyMs: null }));
}

/** Declares so many credentials, `prod-app-1` and on, each with a current key `Kprod-app-1` and on. */
export async function fill({ ledger, pool }: Pick<OpenLedger, 'ledger' | 'pool'>, size: number): Promise<void> {
  await ledger.declare(texts(size));
  for (const statement of GIVE_KEYS) await pool.query(statement);
}

/** In texts of as many as those of a configuration that is read. */
function texts(size: number): readonly string[] {
  const planned = plans(size);
  return Array.from({ length: Math.ceil(size / IN_A_TEXT) }, (_, n) => JSON.stringify(planned.slice(n * IN_A_TEXT, (n + 1) * IN_A_TEXT)));
}

function plans(size: number): ReturnType<typeof planCredentials> {
  const [one] = planCredentials(parseConfig('/nowhere/keyturn.yaml', CONFIG, { env: {} }).config);
  if (one === undefined) throw new Error('the configuration declares one credential');
  return Array.from({ length: size }, (_, n) => ({ ...one, plan: { ...one.plan, credential: `prod-app-${n + 1}`, keyName: `prod-app-${n + 1}` } }));
}

const GIVE_KEYS = [
  `insert into keyturn.keys (id, credential, issuer, issuer_key_id, name, prefix, scopes, state, proven, created_at)
     select 'K' || name, name, issuer, 'key-' || name, name, 'hm_live_', '[]', 'current', true, now() from keyturn.credentials where current_key_id is null`,
  `update keyturn.credentials set current_key_id = 'K' || name where current_key_id is null`,
];

const FORGET = ['delete from keyturn.transitions', 'delete from keyturn.rotations', `update keyturn.credentials set due_at = now() + interval '30 days', last_rotated_at = now() where due_at < now() + interval '29 days'`];

function dueStatement(count: number): string {
  return `update keyturn.credentials set due_at = now() - interval '1 day', last_rotated_at = now() - interval '31 days'
    where name in (select name from keyturn.credentials order by md5(name) limit ${count})`;
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
