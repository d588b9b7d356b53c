import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { composeLedger } from '../../src/ledger/ledger.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { ROOT_KEY, RUNTIMES, openRuntime, type OpenRuntime } from '../support/runtimes.ts';

const nothing = async (): Promise<void> => undefined;
const MANY = 20_000;
/** One table of this size read from end to end is over a thousand pages; an index that finds nothing due reads a few. */
const FEW_PAGES = 50;

describe.each(RUNTIMES.filter((one) => one.name !== 'redis'))('a full ledger on $name', (runtime) => {
  let open: OpenRuntime;
  beforeAll(async () => {
    open = await openRuntime(runtime);
    await open.pool.query(`
      insert into keyturn.credentials (name, issuer, revision, plan, declared, due_at, first_seen_at)
        select 'c' || n, 'hm', 'r', '{}', true, now() + interval '1 day', now() from generate_series(1, ${MANY}) n;
      insert into keyturn.rotations (id, credential, issuer, kind, path, state, plan, actor, asked, notes, reason, message, created_at, state_since, wake_at)
        select 'R' || n, 'c' || n, 'hm', 'manual', 'displace', 'draining', '{}', '{}', '{}', '{}', '', '', now(), now(), now() + interval '1 day' from generate_series(1, ${MANY}) n;
      insert into keyturn.debts (id, credential, issuer, issuer_key_id, cause, created_at, next_try_at)
        select 'D' || n, 'c' || n, 'hm', 'k' || n, 'superseded', now(), now() + interval '1 day' from generate_series(1, ${MANY}) n;
      insert into keyturn.deliveries (id, channel, notice, dedupe_key, state, created_at, next_try_at)
        select 'N' || n, 'ops', '{}', 'k' || n, 'delivered', now(), now() from generate_series(1, ${MANY}) n;
      analyze keyturn.credentials; analyze keyturn.rotations; analyze keyturn.debts; analyze keyturn.deliveries`);
  });
  afterAll(() => open.close());

  /** The plan of the statement that a ledger method runs, which is caught on its way to a pool that only listens. */
  async function pagesRead(ask: (ledger: Ledger) => Promise<unknown>): Promise<number> {
    const seen: { text: string; parameters: readonly unknown[] }[] = [];
    const query = async (text: string, parameters: readonly unknown[] = []) => {
      seen.push({ text, parameters });
      return { command: 'SELECT', rowCount: 0, rows: [] };
    };
    const listening = { connect: async () => ({ query, release: () => undefined }), options: {} } as unknown as SqlPool;
    const db = kyselyOver(listening).withSchema('keyturn');
    const { ledger } = composeLedger({ kind: 'postgres', db, batch: async () => [], rootKey: ROOT_KEY, installation: '', sync: nothing, close: nothing });
    await ask(ledger);
    const { rows } = await open.pool.query(`explain (analyze, buffers, format json) ${seen[0]?.text}`, seen[0]?.parameters);
    const plan = JSON.stringify(rows[0]?.['QUERY PLAN']);
    const [hit, read] = ['Shared Hit Blocks', 'Shared Read Blocks'].map((name) => Number(new RegExp(`"${name}":(\\d+)`).exec(plan)?.[1]));
    return (hit ?? Number.NaN) + (read ?? Number.NaN);
  }

  test.each<[string, (ledger: Ledger) => Promise<unknown>]>([
    ['dueCredentials', (ledger) => ledger.dueCredentials(100)],
    ['wakeable', (ledger) => ledger.wakeable(100)],
    ['wakeable emergencies', (ledger) => ledger.wakeable(100, 'emergency')],
    ['keysNamed', (ledger) => ledger.keysNamed('no-such-key')],
    ['payableDebts', (ledger) => ledger.payableDebts(100)],
    ['deliverable', (ledger) => ledger.deliverable(100)],
  ])('%s reads what is due, not what exists', async (_name, ask) => {
    expect(await pagesRead(ask)).toBeLessThan(FEW_PAGES);
  });
});
