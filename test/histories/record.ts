/**
 * Writes the fixture of the current schema: `node test/histories/record.ts`. Run it before each release that brings a
 * migration, and whenever a case is added. Everything is written by the real engine and ledger against the sandbox and
 * env files; workers die at the points of cases.ts.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createPluginCache } from '../../src/app/plugins.ts';
import { REAL_CLOCK } from '../../src/app/app.ts';
import { createConfigHolder, resolveSecret } from '../../src/config/index.ts';
import { fingerprinter, Secret } from '../../src/core/secret.ts';
import { isTerminal } from '../../src/core/vocabulary.ts';
import { openLedger, type SqlPool } from '../../src/ledger/index.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import type { Log } from '../../src/ports/log.ts';
import { advance } from '../../src/rotation/advance.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { requestRotation } from '../../src/rotation/request.ts';
import type { RunningSandbox } from '../../src/sandbox/index.ts';
import { CASES, type HistoryCase } from './cases.ts';
import { mortal } from './crash.ts';
import { HISTORIES, historyText, relativeInstants, replaceEach, withoutPlans, type History, type OutsideFile, type RecordedCase, type Row } from './fixture.ts';
import { configText, DATA_DIRECTORY, DIRECTORY, placesOf, ROOT_KEY, SANDBOX, startOutside } from './stage.ts';

const ACTOR = { who: 'cli:somebody@host', why: 'a history is recorded' };
const REACH_MS = 30_000;
const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => SILENT };

interface Recording {
  readonly directory: string;
  readonly sandbox: RunningSandbox;
  readonly engine: Engine;
  readonly pool: SqlPool;
}

async function record(): Promise<void> {
  const schema = Object.keys(MIGRATIONS).at(-1) ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-history-'));
  const sandbox = await startOutside();
  const config = configText(CASES);
  const applications = join(directory, 'app');
  mkdirSync(applications);
  const configPath = join(directory, 'keyturn.yaml');
  const real = [[DIRECTORY, applications], [DATA_DIRECTORY, join(directory, 'data')], [SANDBOX, sandbox.url]] as const;
  writeFileSync(configPath, replaceEach(config, real));
  const holder = await createConfigHolder(configPath);
  const { ledger, pool } = await openLedger({ dataDir: join(directory, 'data'), rootKey: ROOT_KEY });
  await ledger.declare(holder.plans());
  const plugins = createPluginCache(resolveSecret);
  const engine: Engine = { ledger, queue: { wake: async () => true, wakeAll: async () => true }, plugins: (plan) => plugins.of(plan), fingerprint: fingerprinter(ROOT_KEY), log: SILENT, clock: REAL_CLOCK, worker: 'recorder' };
  const recording = { directory: applications, sandbox, engine, pool };
  const cases: RecordedCase[] = [];
  await ledger.setPause({ scope: 'credential', name: 'somebody-elses', actor: ACTOR });
  for (const one of CASES) cases.push(await play(recording, one));
  const text = historyText(await takeDown(recording, { schema, cases, config }, real));
  mkdirSync(join(HISTORIES, schema), { recursive: true });
  writeFileSync(join(HISTORIES, schema, 'history.json'), text);
  writeFileSync(join(HISTORIES, schema, 'audit.json'), await recordAudit());
  process.stdout.write(`${schema}: ${cases.length} cases, ${Math.round(text.length / 1024)} KiB\n`);
  await ledger.close();
  await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
}

/** Gives the credential a key, requests its rotation, and drives it to the point of the case. */
async function play({ directory, sandbox, engine }: Recording, one: HistoryCase): Promise<RecordedCase> {
  const { ledger } = engine;
  const scopes = ['memory:write'];
  const { id, key } = await sandbox.mintKey({ name: `${one.name}-by-hand`, scopes, ignore_limit: true });
  for (const file of placesOf(one.name)) writeFileSync(join(directory, file), `# of ${one.name}\nHYPERMEMORY_API_KEY=${key}\n`, { mode: 0o600 });
  await ledger.adopt({ credential: one.name, issuer: 'hm', issuerKeyId: id, name: `${one.name}-by-hand`, prefix: key.slice(0, 8), fingerprint: engine.fingerprint(new Secret(key)), scopes, state: 'current', proven: true, rotationId: null, createdAt: null }, ACTOR, { proof: 'recorded' });
  const declared = await ledger.credential(one.name);
  if (declared === null) throw new Error(`${one.name} is not declared`);
  const asked = await requestRotation(engine, declared, one.path === 'emergency' ? 'emergency' : 'manual', ACTOR);
  if (asked.outcome !== 'created') throw new Error(`${one.name}: ${asked.outcome}`);
  const worker = mortal(engine, one.death, one.lies);
  const until = Date.now() + REACH_MS;
  for (;;) {
    await advance(worker.engine, asked.rotation.id, AbortSignal.timeout(REACH_MS)).catch(() => undefined);
    const now = await ledger.rotation(asked.rotation.id);
    if (now === null || isTerminal(now.state) || Date.now() > until) throw new Error(`${one.name} never came to its point; it is ${now?.state} (${now?.reason}): ${now?.message}`);
    const there = one.death === null ? now.state === one.state && now.wakeAt !== null && now.wakeAt > now.stateSince && now.reason !== 'revoke' : worker.died();
    if (there && now.state !== one.state) throw new Error(`${one.name} is ${now.state}`);
    if (there) return { name: one.name, path: one.path, state: now.state, reason: now.reason, ends: one.ends };
    await wait(50);
  }
}

type Pairs = readonly (readonly [string, string])[];

/** Ledger and outside as they are now, with placeholders for all that is of this recording only. */
async function takeDown({ directory, sandbox, engine, pool }: Recording, known: Pick<History, 'schema' | 'cases' | 'config'>, real: Pairs): Promise<History> {
  const recordedAt = await engine.ledger.now();
  const { keys } = await sandbox.inspect();
  const minted = keys.filter(({ origin }) => origin !== 'bootstrap').map((key, n) => ({ ...key, label: `k${n + 1}` }));
  const values = valuesIn(directory);
  const pairs: [string, string][] = real.map(([placeholder, text]) => [text, placeholder]);
  for (const { id, label, sha256 } of minted) {
    pairs.push([id, `@id:${label}`]);
    const value = values.get(sha256);
    if (value !== undefined) pairs.push([value, `@value:${label}`], [engine.fingerprint(new Secret(value)), `@print:${label}`]);
  }
  const anonymous = <T>(given: T): T => JSON.parse(relativeInstants(replaceEach(JSON.stringify(given), pairs), recordedAt)) as T;
  const files = readdirSync(directory).sort().map((path): OutsideFile => ({ path, mode: statSync(join(directory, path)).mode & 0o777, text: readFileSync(join(directory, path), 'utf8') }));
  return {
    ...known,
    keys: minted.map(({ label, name, scopes, status }) => ({ label, name, scopes, live: status === 'active' })),
    files: anonymous(files),
    rows: withoutPlans(anonymous(await rowsOf(pool))),
  };
}

/** Values of keys in whatever file holds them, by their SHA-256. */
function valuesIn(directory: string): ReadonlyMap<string, string> {
  const texts = readdirSync(directory).map((path) => readFileSync(join(directory, path), 'utf8'));
  const values = texts.flatMap((text) => text.match(/hm_[A-Za-z0-9_-]+/g) ?? []);
  return new Map(values.map((value) => [createHash('sha256').update(value).digest('hex'), value]));
}

/** All tables of the ledger; of `meta` the installation only: the rest is made anew for whoever opens it. */
async function rowsOf(pool: SqlPool): Promise<Record<string, readonly Row[]>> {
  await pool.query("set timezone to 'UTC'");
  const { rows: tables } = await pool.query("select table_name as name from information_schema.tables where table_schema = 'keyturn' and table_name not like 'migration%' order by table_name = 'rotations' desc, table_name");
  const found: Record<string, readonly Row[]> = {};
  for (const { name } of tables) {
    const { rows } = await pool.query(`select to_jsonb(t) as row from keyturn.${String(name)} t order by 1`);
    const all = rows.map((row) => row['row'] as Row);
    found[String(name)] = name === 'meta' ? all.filter((row) => row['key'] === 'installation') : all;
  }
  return found;
}

/** A sealed chain, byte for byte: later code must find it whole, and go on with it. */
async function recordAudit(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-history-'));
  const { ledger, pool } = await openLedger({ dataDir: directory, rootKey: ROOT_KEY });
  for (let n = 1; n <= 6; n += 1) {
    await ledger.audit({ type: n % 2 === 0 ? 'pause.set' : 'key.revoked', actor: { who: `worker:${n}`, why: 'süß, 鍵 & "quotes"' }, credential: n === 3 ? null : 'prod-api', rotationId: n > 3 ? 'r' : null, keyId: null, detail: { n, nested: { b: [1, 2.5, null], a: true } } });
  }
  await ledger.seal(10);
  await pool.query("set timezone to 'UTC'");
  const select = async (table: string): Promise<readonly Row[]> => (await pool.query(`select to_jsonb(t) as row from keyturn.${table} t order by 1`)).rows.map((row) => row['row'] as Row);
  const [audit, meta] = [await select('audit'), await select('meta')];
  await ledger.close();
  rmSync(directory, { recursive: true, force: true });
  return `${JSON.stringify({ audit, meta }, null, 1)}\n`;
}

await record();
