import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createPluginCache } from '../../src/app/plugins.ts';
import { planCredentials, resolveSecret } from '../../src/config/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { fingerprinter } from '../../src/core/secret.ts';
import { createLogger } from '../../src/log/index.ts';
import { advance } from '../../src/rotation/advance.ts';
import { sweep } from '../../src/rotation/due.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import { advanceClock, openRuntime, ROOT_KEY, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';

const NAMES = ['one-api', 'two-api', 'three-api', 'four-api'];
const DAY = 86_400_000;
const ADMIN_VARIABLE = 'KEYTURN_TEST_DOWNTIME_ADMIN_KEY';

describe.each(RUNTIMES)('after downtime, on $name (the ledger\'s clock is virtual)', (runtime) => {
  let open: OpenRuntime;
  let sandbox: RunningSandbox;
  let directory: string;
  let engine: Engine;
  const signal = AbortSignal.timeout(120_000);

  beforeAll(async () => {
    [open, sandbox] = await Promise.all([openRuntime(runtime), startSandbox({ plan: 'enterprise' })]);
    process.env[ADMIN_VARIABLE] = sandbox.adminKey;
    directory = mkdtempSync(join(tmpdir(), 'keyturn-downtime-'));
    engine = { ledger: open.ledger, queue: { wake: async () => true, wakeAll: async () => true }, plugins: (plan) => cache.of(plan), fingerprint: fingerprinter(ROOT_KEY), log: createLogger({ level: 'silent' }), clock: { timeout: (ms) => AbortSignal.timeout(ms) }, worker: 'w1' };
    await open.ledger.declare([JSON.stringify(planCredentials(parseConfig(join(directory, 'keyturn.yaml'), config()).config))]);
  });
  afterAll(async () => {
    await Promise.all([open.close(), sandbox.close()]);
    rmSync(directory, { recursive: true, force: true });
  });
  const cache = createPluginCache(resolveSecret);

  const config = (): string => stringify({
    version: 1,
    issuers: { hm: { type: 'hypermemory', adminKey: `\${env:${ADMIN_VARIABLE}}`, baseUrl: sandbox.url, listLag: '0s', pacing: { maxConcurrent: 2, perMinute: 100 } } },
    stores: { env: { type: 'env-file', createIfMissing: true } },
    policies: { weekly: { cron: '0 3 * * 1', overlap: '0s', quiet: '0s' } },
    credentials: Object.fromEntries(NAMES.map((name) => [name, { issuer: 'hm', scopes: ['memory:read'], policy: 'weekly', stores: [{ store: 'env', path: `${name}.env` }] }])),
  });

  /** Sweeps and advances until nothing moves; answers the most rotations of the issuer that were under way at once. */
  async function settle(): Promise<number> {
    let most = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      await sweep(engine, signal);
      const ids = await open.ledger.wakeable(100);
      for (const id of ids) {
        await advance(engine, id, signal);
        const rotations = await open.ledger.rotations({ open: true }, { limit: 100 });
        most = Math.max(most, rotations.filter((r) => !['requested', 'blocked'].includes(r.state)).length);
      }
      if ((await open.ledger.rotations({ open: true }, { limit: 100 })).length === 0) return most;
      await advanceClock(open.pool, 3_000);
    }
    throw new Error('it did not come to rest');
  }

  const minted = async (): Promise<Record<string, number>> => {
    const { keys } = await sandbox.inspect();
    return Object.fromEntries(NAMES.map((name) => [name, keys.filter((key) => key.name.startsWith(`${name}-kt-`)).length]));
  };

  test('ten missed weeks are one rotation of each credential, and no more of an issuer at once than its pacing allows', async () => {
    await settle();
    expect(await minted()).toEqual({ 'one-api': 1, 'two-api': 1, 'three-api': 1, 'four-api': 1 });
    await advanceClock(open.pool, 70 * DAY);
    expect(await settle()).toBeLessThanOrEqual(2);
    expect(await minted()).toEqual({ 'one-api': 2, 'two-api': 2, 'three-api': 2, 'four-api': 2 });
    await settle();
    expect(await minted()).toEqual({ 'one-api': 2, 'two-api': 2, 'three-api': 2, 'four-api': 2 });
    await advanceClock(open.pool, 7 * DAY);
    await settle();
    expect(await minted()).toEqual({ 'one-api': 3, 'two-api': 3, 'three-api': 3, 'four-api': 3 });
  });
});
