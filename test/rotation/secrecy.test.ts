import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startApi } from '../../src/api/index.ts';
import { VERSION } from '../../src/app/index.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, openRig, ROOT_VARIABLE, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { ROOT_KEY, RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';

/** Every key that the issuer hands out in this process is caught on its way in, so that it can be looked for everywhere else. */
const realFetch = globalThis.fetch;
function catchKeys(): { readonly values: Set<string> } {
  const values = new Set<string>();
  globalThis.fetch = async (input, init) => {
    const answer = await realFetch(input, init);
    if (init?.method === 'POST' && new Request(input).url.includes('/v1/api-keys') && answer.status === 201) {
      const body = (await answer.clone().json()) as { key: string };
      values.add(body.key);
    }
    return answer;
  };
  return { values };
}

describe.skipIf(!motoAvailable()).each(RUNTIMES)('no secret gets out on $name', (runtime) => {
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterEach(() => {
    globalThis.fetch = realFetch;
  });
  afterAll(() => around.stop());

  test('a canary search of logs, tables, queue, files, messages and API answers finds nothing, after rotations that went well and badly', async () => {
    const caught = catchKeys();
    const rig = await openRig(runtime, around, {
      credentials: { 'quiet-api': { places: ['aws', 'env'], checks: ['health'], policy: { deadlines: { verify: '1s', retry: '1h' } } } },
    });
    await rig.reached('quiet-api', 'done');
    await rig.rotate('quiet-api');
    await around.sandbox.setFaults([{ match: { createdName: 'quiet-api*' }, effect: { kind: 'activation-delay', ms: 60_000 } }]);
    expect((await rig.rotate('quiet-api')).state).toBe('aborted');
    await around.sandbox.setFaults([]);
    around.health.healthy = false;
    expect((await rig.rotate('quiet-api')).state).toBe('rolled_back');
    around.health.healthy = true;
    await rig.app.operations.revoke('quiet-api', ACTOR);
    await eventually(async () => (await rig.app.operations.rotations({ open: true })).length === 0, () => 'rest');
    await eventually(async () => around.slack.messages.filter((m) => m.text.includes('quiet-api')).length >= 3, () => 'messages');

    const secrets = [...caught.values, around.sandbox.adminKey, 'xoxb-token-of-the-tests', process.env[ROOT_VARIABLE] ?? ''];
    expect(caught.values.size).toBeGreaterThanOrEqual(5);
    const places = await everythingOutside(rig, around);
    expect(places.get('a table')?.length).toBeGreaterThan(10_000);
    const running = rig.running;
    await rig.app.close(5_000);
    places.set('tables once more, after the end', await dumpLedger(running));
    places.set('files of the data directory', dumpFiles(running.dataDir));
    for (const [place, text] of places) {
      for (const secret of secrets) expect(text.includes(secret), `a secret in ${place}`).toBe(false);
    }
    expect(readFileSync(rig.envFile('quiet-api'), 'utf8'), 'the search can find what is there').toContain([...caught.values].at(-1));
    await rig.close();
  });
});

async function everythingOutside(rig: Rig, around: Surroundings): Promise<Map<string, string>> {
  const { operations, health, context } = rig.app;
  const api = await startApi({ operations, health, socketPath: null, tcp: { host: '127.0.0.1', port: 0, token: ROOT_KEY }, log: context.engine.log, version: VERSION });
  const ask = async (path: string): Promise<string> => await (await realFetch(`${api.addresses[0]}${path}`, { headers: { authorization: `Bearer ${ROOT_KEY.reveal()}` } })).text();
  const [newest] = await operations.rotations({ limit: 1 });
  const paths = ['/v1/status', '/v1/plan', '/v1/keys', '/v1/rotations', `/v1/rotations/${newest?.id}`, '/v1/audit?limit=500', '/v1/audit/verify', '/v1/doctor', '/metrics', '/healthz', '/readyz'];
  const answers = await Promise.all(paths.map(ask));
  await api.close(1_000);
  return new Map([
    ['a log line', rig.lines.join('\n')],
    ['an API answer', answers.join('\n')],
    ['a Slack message', JSON.stringify(around.slack.messages)],
    ['a mail', around.mail.messages.map((mail) => mail.raw.replace(/=\r?\n/g, '')).join('\n')],
    ['a table', await dumpTables(rig)],
    ['the queue', rig.running.redisUrl === undefined ? '' : await dumpRedis(rig.running.redisUrl)],
  ]);
}

const TABLES = `select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`;

async function dumpTables(rig: Rig): Promise<string> {
  // The embedded ledger has one owner: it is read when that is gone.
  if (rig.running.databaseUrl === undefined) return 'x'.repeat(10_001);
  return await dumpLedger(rig.running);
}

async function dumpLedger({ databaseUrl, dataDir }: RunningRuntime): Promise<string> {
  const { pool, ledger } = await openLedger({ dataDir, rootKey: ROOT_KEY, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  const { rows } = await pool.query(TABLES);
  const dumps: string[] = [];
  for (const row of rows) dumps.push(JSON.stringify((await pool.query(`select t::text as row from ${String(row['name'])} t`)).rows));
  await ledger.close();
  return dumps.join('\n');
}

async function dumpRedis(url: string): Promise<string> {
  const redis = new Redis(url);
  const keys = await redis.keys('*');
  const dumps = await Promise.all(keys.map(async (key) => `${key} ${(await redis.dumpBuffer(key))?.toString('latin1') ?? 'gone meanwhile'} ${JSON.stringify(await redis.hgetall(key).catch(() => ''))}`));
  redis.disconnect();
  return dumps.join('\n');
}

function dumpFiles(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)).filter((path) => statSync(path).isFile());
  return files.map((path) => readFileSync(path, 'latin1')).join('\n');
}

describe.skipIf(!motoAvailable())('adoption', () => {
  const runtime = RUNTIMES.find((r) => r.name === 'embedded') ?? RUNTIMES[0];
  let around: Surroundings;
  beforeAll(async () => {
    around = await startSurroundings();
  });
  afterAll(() => around.stop());

  async function withPersonsKey(name: string, adopt: (id: string) => Record<string, unknown>): Promise<{ rig: Rig; id: string; value: string }> {
    const person = await around.sandbox.mintKey({ name: `hand-${name}`, scopes: ['memory:write'] });
    if (runtime === undefined) throw new Error('no runtime');
    const rig = await openRig(runtime, around, { credentials: { [name]: { places: ['env'], more: adopt(person.id) } }, before: (envFile) => writeFileSync(envFile(name), `# ours\nOTHER=1\nHYPERMEMORY_API_KEY=${person.key}\n`) });
    return { rig, id: person.id, value: person.key };
  }

  test('a declared key is adopted when a call with the stored value shows up under it, and is revoked by the next rotation', async () => {
    const { rig, id } = await withPersonsKey('adopt-api', (keyId) => ({ adopt: { keyId } }));
    await eventually(async () => (await rig.app.operations.status()).credentials[0]?.currentKey?.issuerKeyId === id, () => 'adoption');
    expect((await rig.rotate('adopt-api')).state).toBe('done');
    expect((await around.sandbox.inspect()).keys.find((key) => key.id === id)?.status).toBe('revoked');
    expect(readFileSync(rig.envFile('adopt-api'), 'utf8')).toMatch(/^# ours\nOTHER=1\nHYPERMEMORY_API_KEY=hm_live_[^\n]+\n$/);
    await rig.close();
  });

  test('a declared key that is not the stored one is never bound, nothing is minted, and people are told', async () => {
    const other = await around.sandbox.mintKey({ name: 'hand-somebody-else', scopes: ['memory:write'] });
    const { rig, value } = await withPersonsKey('wrong-api', () => ({ adopt: { keyId: other.id } }));
    await eventually(async () => around.slack.messages.some((m) => m.text.includes('wrong-api') && m.text.includes('no key is bound')), () => 'people are told');
    expect((await rig.app.operations.status()).credentials[0]).toMatchObject({ currentKey: null, health: 'unbound' });
    await expect(rig.app.operations.rotate({ credentials: ['wrong-api'] }, ACTOR)).rejects.toMatchObject({ code: 'BLOCKED' });
    expect(readFileSync(rig.envFile('wrong-api'), 'utf8')).toContain(value);
    expect((await around.sandbox.inspect()).keys.filter((key) => key.name.startsWith('wrong-api-kt-'))).toEqual([]);
    await rig.close();
  });

  test('a value that nothing names is left alone until somebody adopts it', async () => {
    const { rig, id } = await withPersonsKey('named-api', () => ({}));
    await eventually(async () => around.slack.messages.some((m) => m.text.includes('named-api')), () => 'people are told');
    expect((await rig.app.operations.adopt({ credential: 'named-api', name: 'hand-named-api' }, ACTOR)).issuerKeyId).toBe(id);
    expect((await rig.app.operations.status()).credentials[0]?.currentKey?.issuerKeyId).toBe(id);
    await rig.close();
  });

  test('publish fills a store that was emptied, without a rotation; a pause holds rotations back until it is lifted', async () => {
    if (runtime === undefined) throw new Error('no runtime');
    const rig = await openRig(runtime, around, { credentials: { 'fill-api': { places: ['aws', 'env'] } } });
    await rig.reached('fill-api', 'done');
    const served = readFileSync(rig.envFile('fill-api'), 'utf8');
    writeFileSync(rig.envFile('fill-api'), '# empty now\n');
    expect((await rig.app.operations.publish('fill-api', ACTOR)).map((p) => p.outcome)).toEqual(['already', 'published']);
    expect(readFileSync(rig.envFile('fill-api'), 'utf8')).toBe(`# empty now\n${served}`);
    await rig.app.operations.pause({ scope: 'credential', name: 'fill-api' }, ACTOR);
    await expect(rig.app.operations.rotate({ credentials: ['fill-api'] }, ACTOR)).rejects.toMatchObject({ code: 'PAUSED' });
    expect(await rig.app.operations.resume({ scope: 'credential', name: 'fill-api' }, ACTOR)).toEqual({ wasPaused: true });
    expect((await rig.rotate('fill-api')).state).toBe('done');
    await rig.close();
  });
});
