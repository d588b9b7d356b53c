/** Today's code takes over what an older version left open, in every state, and ends it with every promise kept. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jobDefinitions } from '../../jobs/index.ts';
import { openApp, type App } from '../../src/app/index.ts';
import { createConfigHolder } from '../../src/config/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { isTerminal } from '../../src/core/vocabulary.ts';
import { startMailCatcher, type MailCatcher } from '../../src/demo/catchers.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import { createLogger } from '../../src/log/index.ts';
import type { Rotation } from '../../src/ports/ledger.ts';
import type { KeyLife, RunningSandbox } from '../../src/sandbox/index.ts';
import { RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { HISTORIES, readHistory, recordedSchemas, type Row } from './fixture.ts';
import { insert, load, migrationsUpTo, withPool } from './load.ts';
import { MAIL_VARIABLE, placesOf, ROOT_KEY, startOutside } from './stage.ts';

/** Leases of the dead workers are over by then. */
const AGO_MS = 120_000;
/** What a former worker may still be doing is waited out before a key dies: a minute. */
const END_MS = 280_000;
const secret = (text: string | undefined): Secret | null => (text === undefined ? null : new Secret(text));
const sha256 = (value: string): string => createHash('sha256').update(value).digest('hex');
const rounds = RUNTIMES.flatMap((runtime) => recordedSchemas().map((schema) => ({ runtime, schema, name: runtime.name })));

describe.each(rounds)('the history of $schema on $name', ({ runtime, schema }) => {
  const history = readHistory(schema);
  let running: RunningRuntime;
  let sandbox: RunningSandbox;
  let mail: MailCatcher;
  let app: App | undefined;
  let applications: string;
  let ended: ReadonlyMap<string, Rotation>;
  let keys: readonly KeyLife[];
  /** Places that served a key after its death, where an old key had to live on until the new one served. */
  const locked: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-resumed-'));

  const served = (file: string): string | null => {
    const path = join(applications, file);
    return (existsSync(path) && /^HYPERMEMORY_API_KEY=(.+)$/m.exec(readFileSync(path, 'utf8'))?.[1]) || null;
  };

  /** Reads a place, then what lives, then the place again: a value that served all the while must have lived. */
  async function look(): Promise<void> {
    const gentle = history.cases.filter(({ path }) => path === 'displace').flatMap(({ name }) => placesOf(name));
    const before = gentle.map((file) => [file, served(file)] as const);
    const dead = new Set((await sandbox.inspect()).keys.filter(({ status }) => status !== 'active').map((key) => key.sha256));
    for (const [file, value] of before) {
      if (value !== null && dead.has(sha256(value)) && served(file) === value && !locked.includes(file)) locked.push(file);
    }
  }

  async function resume(configPath: string): Promise<App> {
    const holder = await createConfigHolder(configPath);
    const log = createLogger({ level: 'silent', destination: { write: () => undefined } });
    const resumed = await openApp({ holder, environment: { databaseUrl: secret(running.databaseUrl), redisUrl: secret(running.redisUrl) }, log });
    await resumed.start(jobDefinitions(resumed.work, resumed.intervals));
    return resumed;
  }

  async function untilEnded(ledger: App['context']['ledger']): Promise<ReadonlyMap<string, Rotation>> {
    const until = Date.now() + END_MS;
    for (;;) {
      await look();
      const rotations = await ledger.rotations({}, { limit: 1_000 });
      const open = rotations.filter(({ state }) => !isTerminal(state));
      const owed = await ledger.openDebts({});
      if ((open.length === 0 && owed.length === 0) || Date.now() > until) return new Map(rotations.map((rotation) => [rotation.credential, rotation]));
      await wait(100);
    }
  }

  beforeAll(async () => {
    [running, sandbox, mail] = await Promise.all([runtime.start({ migrated: false }), startOutside(), startMailCatcher()]);
    process.env[MAIL_VARIABLE] = String(mail.port);
    const loaded = await load(history, running, sandbox, directory, AGO_MS);
    applications = loaded.applications;
    app = await resume(loaded.configPath);
    ended = await untilEnded(app.context.ledger);
    keys = (await sandbox.inspect()).keys;
  }, END_MS + 120_000);
  afterAll(async () => {
    await app?.close(5_000);
    await Promise.all([running.stop(), sandbox.close(), mail.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(history.cases)('$name ends as $ends, with one live key that every place serves', ({ name, ends }) => {
    const rotation = ended.get(name);
    expect([rotation?.state, rotation?.reason, rotation?.message]).toEqual([ends, expect.any(String), expect.any(String)]);
    const live = keys.filter((key) => key.status === 'active' && (key.name === `${name}-by-hand` || key.name.startsWith(`${name}-kt-`)));
    expect(live.map((key) => key.name.startsWith(`${name}-kt-`))).toEqual([ends === 'done']);
    for (const file of placesOf(name)) expect([file, sha256(served(file) ?? '')]).toEqual([file, live[0]?.sha256]);
  });

  test('no application was left with a dead key while its old one had to live on', () => {
    expect(locked).toEqual([]);
  });

  test('the ledger agrees with the outside, nothing is held or owed any more, and the audit chain is whole', async () => {
    const ledger = app?.context.ledger;
    if (ledger === undefined) throw new Error('not open');
    for (const { name } of history.cases) {
      const current = (await ledger.credential(name))?.currentKeyId ?? '';
      const key = await ledger.key(current);
      expect([name, keys.find((one) => one.id === key?.issuerKeyId)?.status]).toEqual([name, 'active']);
    }
    expect(await ledger.openDebts({})).toEqual([]);
    while ((await ledger.seal(1_000)) > 0);
    expect(await ledger.verifyAudit()).toMatchObject({ ok: true, firstBad: null });
    const { deliveriesStuck } = await ledger.figures();
    expect(deliveriesStuck).toBe(0);
  });

  test('messages that waited in the outbox were delivered', async () => {
    const waiting = (history.rows['deliveries'] ?? []).length;
    expect(waiting).toBeGreaterThan(0);
    const until = Date.now() + 60_000;
    while (mail.messages.length < waiting && Date.now() < until) await wait(100);
    expect(mail.messages.length).toBeGreaterThanOrEqual(waiting);
  });
});

describe.each(rounds)('the sealed audit log of $schema on $name', ({ runtime, schema }) => {
  test('is found whole, and goes on', async () => {
    const recorded = JSON.parse(readFileSync(join(HISTORIES, schema, 'audit.json'), 'utf8')) as { audit: Row[]; meta: Row[] };
    const running = await runtime.start({ migrated: false });
    await withPool(running, async (pool) => {
      await migrateLedger(kyselyOver(pool), migrationsUpTo(schema));
      for (const [table, rows] of Object.entries(recorded)) await insert(pool, table, rows);
    });
    const { ledger } = await openLedger({ dataDir: running.dataDir, rootKey: ROOT_KEY, ...(running.databaseUrl === undefined ? {} : { databaseUrl: running.databaseUrl }) });
    const head = recorded.audit.at(-1);
    const anchor = { seq: Number(head?.['pos']), hash: String(head?.['hash']) };
    expect(await ledger.auditHead()).toEqual(anchor);
    expect(await ledger.verifyAudit([anchor])).toMatchObject({ ok: true, sealed: recorded.audit.length });
    await ledger.audit({ type: 'later', actor: { who: 't', why: 't' }, credential: null, rotationId: null, keyId: null, detail: {} });
    expect(await ledger.seal(10)).toBe(1);
    expect(await ledger.verifyAudit([anchor])).toMatchObject({ ok: true, sealed: recorded.audit.length + 1 });
    await ledger.close();
    await running.stop();
  }, 120_000);
});
