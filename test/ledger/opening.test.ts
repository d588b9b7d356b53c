import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLedger, type LedgerOptions } from '../../src/ledger/index.ts';
import { PASSWORD } from '../support/postgres-server.ts';
import { until } from '../support/processes.ts';
import { proxyTo } from '../support/proxy.ts';
import { ROOT_KEY, RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { LEDGERS } from './ledgers.ts';

describe.each(RUNTIMES)('opening a ledger on $name', (runtime) => {
  let running: RunningRuntime;
  beforeEach(async () => {
    running = await runtime.start({ migrated: false });
  });
  afterEach(() => running.stop());

  const options = (): LedgerOptions => ({
    dataDir: running.dataDir,
    rootKey: ROOT_KEY,
    ...(running.databaseUrl === undefined ? {} : { databaseUrl: running.databaseUrl }),
  });

  test('migrates it once, keeps its installation id, and refuses what a newer Keyturn has changed', async () => {
    await expect(openLedger({ ...options(), migrate: false })).rejects.toMatchObject({ code: 'LEDGER_EMPTY' });
    const first = await openLedger(options());
    const installation = await first.ledger.installation();
    expect(installation).toMatch(/^[a-z2-7]{6}$/);
    expect(first.ledger.kind).toBe(running.databaseUrl === undefined ? 'embedded' : 'postgres');
    await first.ledger.ping();
    await first.ledger.sync();
    await first.ledger.close();
    const again = await openLedger({ ...options(), migrate: false });
    expect(await again.ledger.installation()).toBe(installation);
    await again.pool.query("insert into keyturn.migration (name, timestamp) values ('9999-future', 'now')");
    await again.ledger.close();
    await expect(openLedger(options())).rejects.toMatchObject({ code: 'LEDGER_NEWER', message: expect.stringContaining('9999-future') });
  });
});

for (const runtime of RUNTIMES.filter((one) => one.name === 'embedded')) {
  test('an embedded ledger whose files are damaged says what to do, and lets go of the data directory', async () => {
    const running = await runtime.start();
    const file = join(running.dataDir, 'ledger', 'PG_VERSION');
    const whole = readFileSync(file);
    writeFileSync(file, '99\n');
    const options = { dataDir: running.dataDir, rootKey: ROOT_KEY };
    await expect(openLedger(options)).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE', message: expect.stringContaining(join(running.dataDir, 'ledger')), todo: expect.stringContaining('Backup and restore') });
    writeFileSync(file, whole);
    await (await openLedger(options)).ledger.close();
    await running.stop();
  });
}

for (const runtime of RUNTIMES.filter((one) => one.name === 'postgres')) {
  describe('a ledger on PostgreSQL', () => {
    test('workers that start together on an empty database agree on everything', async () => {
      const running = await runtime.start({ migrated: false });
      const opened = await Promise.all(
        Array.from({ length: 4 }, () => openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY, databaseUrl: running.databaseUrl ?? '' })),
      );
      const installations = await Promise.all(opened.map(({ ledger }) => ledger.installation()));
      expect(new Set(installations).size).toBe(1);
      expect(opened.map(({ lock }) => lock)).toEqual([null, null, null, null]);
      await Promise.all(opened.map(({ ledger }) => ledger.close()));
      await running.stop();
    });

    test('that goes away says so in one sentence without its password, and works again when it is back', async () => {
      const running = await runtime.start();
      const proxy = await proxyTo(running.databaseUrl ?? '');
      expect(proxy.url).toContain(PASSWORD);
      const { ledger } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY, databaseUrl: proxy.url });
      await ledger.ping();
      proxy.cut();
      const failure: unknown = await until(() => ledger.ping().then(() => null, (error: unknown) => error));
      expect(failure).toMatchObject({ code: 'LEDGER_UNREACHABLE' });
      expect(String(failure)).not.toContain(PASSWORD);
      proxy.mend();
      await until(() => ledger.ping().then(() => true));
      await ledger.close();
      await proxy.close();
      await running.stop();
    });
  });
}

test.each(LEDGERS)('many transactions at once lose nothing on $name', async (kind) => {
  const open = await kind.open();
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      open.ledger.setPause({ scope: 'credential', name: `c${n % 20}`, actor: { who: 't', why: String(n) } }),
    ),
  );
  expect(await open.ledger.pauses()).toHaveLength(20);
  expect((await open.ledger.auditEvents({}, { limit: 1000 })).filter((event) => event.type === 'pause.set')).toHaveLength(60);
  await open.close();
});
