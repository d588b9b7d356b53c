/** Revocations that people and scanners ask for: reports of leaks to any worker, and `--direct` while everything but the issuer is down. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordFolder } from '../../src/app/break-glass/folder.ts';
import { parseRecord } from '../../src/app/break-glass/text.ts';
import type { BreakGlassRecord } from '../../src/core/break-glass.ts';
import { Secret } from '../../src/core/secret.ts';
import { signature } from '../../src/net/signature.ts';
import { LAUNCHER } from '../support/cli.ts';
import { until } from '../support/processes.ts';
import { someoneUp, type Scene } from './scene.ts';
import { SCANNER, SCANNER_SECRET } from './config.ts';
import type { Seat } from './seat.ts';
import type { Stage } from './stage.ts';
import { valueAt } from './stores.ts';

const ANSWER_MS = 5_000;
const AGAIN_MS = 500;
/** A scanner gives up some time; the run would end without it otherwise. */
const POSTED_FOR_MS = 180_000;
const REASON = 'somebody found it';

/** Posts the value that a store serves, as scanners do: until it is answered, and then once more. What is beside it in the report must harm nobody. */
export async function reportLeak({ stage, dice }: Scene): Promise<string | null> {
  const { name, spots } = dice.pick(stage.declared);
  const value = await valueAt(stage.aws, dice.pick(spots)).catch(() => null);
  const print = createHash('sha256').update(value ?? '').digest('hex');
  const key = (await stage.sandbox.keys()).find(({ sha256, status }) => sha256 === print && status === 'active');
  if (value === null || key === undefined) return null;
  const url = `https://example.com/${randomBytes(6).toString('hex')}`;
  const beside = [`hm_live_${randomBytes(24).toString('hex')}`, `ghp_${randomBytes(18).toString('hex')}`, ...stage.bystanderValues, value];
  const body = JSON.stringify({ leaks: [value, ...beside.filter(() => dice.next() < 0.4)].map((leaked, n) => ({ value: leaked, url: `${url}/${n}` })) });
  stage.watch.emergency(name, Date.now(), key.id);
  const posts = await postUntilTaken({ stage, dice }, body);
  if (posts === null) return `a key of ${name}: nobody took the report`;
  stage.watch.accept({ key: key.id, how: 'a report of a leak', at: Date.now() });
  await sleep(dice.between(0, 2_000));
  const again = await someoneUp(stage, dice);
  const repeated = again === null ? null : await post(again, body);
  return `key ${key.id} of ${name} in ${posts} posts; again: ${repeated ?? 'no answer'}`;
}

/** How many posts it took; null where none was answered with 202. */
async function postUntilTaken({ stage, dice }: Scene, body: string): Promise<number | null> {
  const deadline = Date.now() + POSTED_FOR_MS;
  for (let posts = 1; Date.now() < deadline; posts += 1) {
    const seat = await someoneUp(stage, dice);
    if (seat !== null && (await post(seat, body)) === 202) return posts;
    await sleep(AGAIN_MS);
  }
  return null;
}

/** The status; null where there was no answer. */
function post(seat: Seat, body: string): Promise<number | null> {
  return new Promise((resolve) => {
    const signed = signature(body, new Secret(SCANNER_SECRET), Math.floor(Date.now() / 1_000));
    const call = request({ socketPath: join(seat.dataDir, 'keyturn.sock'), path: `/v1/leaks/${SCANNER}`, method: 'POST', headers: { 'x-keyturn-signature': signed }, signal: AbortSignal.timeout(ANSWER_MS) }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? null));
      response.once('error', () => resolve(null));
    });
    call.once('error', () => resolve(null));
    call.end(body);
  });
}

/** With all workers and databases away somebody breaks the glass, and half of them die over it. */
export async function breakGlass({ stage, dice }: Scene): Promise<string | null> {
  const release = await Promise.all(stage.seats.map((seat) => seat.hold()));
  try {
    let said: string | null = null;
    const act = async (): Promise<void> => void (said = await direct({ stage, dice }));
    const withoutLedger = async (): Promise<void> => await (stage.postgres === null ? act() : stage.postgres.restart(dice.pick(['fast', 'immediate'] as const), act));
    await (stage.redis === null ? withoutLedger() : stage.redis.restart(withoutLedger));
    return said;
  } finally {
    for (const one of release) one();
  }
}

async function direct({ stage, dice }: Scene): Promise<string | null> {
  const [seat, { name }] = [dice.pick(stage.seats), dice.pick(stage.declared)];
  const living = (await stage.sandbox.keys()).filter((key) => key.status === 'active' && key.name.startsWith(`${name}-kt-`));
  if (living.length === 0) return null;
  const what = dice.next() < 0.5 ? name : dice.pick(living).id;
  const before = new Set(recordsOf(stage, seat).map(({ id }) => id));
  const [askedAt, diesAfterMs] = [Date.now(), dice.next() < 0.5 ? dice.between(0.4, 1.6) * seat.startMs : null];
  const how = await glassBroken(stage, seat, what, diesAfterMs);
  const records = recordsOf(stage, seat).filter(({ id }) => !before.has(id));
  // Whose intent is written has been heard: from here on it is the worker's to see to.
  for (const { keyId } of records) {
    stage.watch.emergency(name, askedAt, keyId);
    stage.watch.accept({ key: keyId, how: `--direct (${how})`, at: askedAt });
  }
  await bringHome(stage, seat);
  return `${what}: ${how}; ${records.map(({ keyId, outcome }) => `${keyId} ${outcome ?? 'with its intent only'}`).join(', ') || 'no record'}`;
}

/** Says how it ended. */
async function glassBroken(stage: Stage, seat: Seat, what: string, diesAfterMs: number | null): Promise<string> {
  const args = ['revoke', what, '--direct', '--yes', '--reason', REASON, '--timeout', '20s'];
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd: stage.directory, env: { USER: 'alice', ...stage.environment(seat) }, stdio: 'ignore' });
  const gone = once(child, 'exit') as Promise<[number | null, string | null]>;
  const death = diesAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), diesAfterMs);
  const [code, signal] = await gone;
  if (death !== null) clearTimeout(death);
  return signal ?? `exit code ${code}`;
}

const ELSEWHERE = /^keyturn-break-glass-(.+\.json)$/;

/** Those in the data directory, taken in or not, and those that lie where there was room for them. */
function recordsOf(stage: Stage, seat: Seat): readonly BreakGlassRecord[] {
  const inside = filesIn(recordFolder(seat.dataDir)).filter((name) => !name.startsWith('.')).map((name) => join(recordFolder(seat.dataDir), name));
  const outside = filesIn(stage.directory).filter((name) => ELSEWHERE.test(name)).map((name) => join(stage.directory, name));
  return [...inside, ...outside].map((path) => parseRecord(readFileSync(path, 'utf8')));
}

function filesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** What found no room in the data directory is laid there by hand, as docs/break-glass.md says. */
async function bringHome(stage: Stage, seat: Seat): Promise<void> {
  for (const name of filesIn(stage.directory)) {
    const [, file] = ELSEWHERE.exec(name) ?? [];
    if (file !== undefined) await until(() => movedInto(recordFolder(seat.dataDir), file, join(stage.directory, name)), 60_000, 'room for a break-glass record');
  }
}

/** Undefined where there is no room yet. */
function movedInto(folder: string, file: string, from: string): true | undefined {
  const draft = join(folder, `.${file}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(draft, readFileSync(from), { mode: 0o600 });
    renameSync(draft, join(folder, file));
  } catch {
    rmSync(draft, { force: true });
    return undefined;
  }
  rmSync(from);
  return true;
}

/** Records that no worker has taken in yet. */
export function waitingRecords(stage: Pick<Stage, 'seats'>): readonly string[] {
  return stage.seats.flatMap(({ dataDir }) => filesIn(recordFolder(dataDir)).filter((name) => name.endsWith('.json') && !name.startsWith('.')));
}
