/** Usage as bad days bring it, from a real file into a real ledger: clocks that jump, a day of silence, more callers than anybody can name. */
import { appendFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Log } from '../../src/ports/log.ts';
import { CALLERS_BY_REQUESTS, CALLERS_BY_TIME, type UsageBucket } from '../../src/ports/usage-ledger.ts';
import { createAccessLogSource } from '../../src/sources/access-log/index.ts';
import { createPrometheusSource } from '../../src/sources/prometheus/index.ts';
import { ingest, type Ingesting } from '../../src/usage/ingest.ts';
import { ACTOR, declared, fresh, keyOf } from '../ledger/fixtures.ts';
import { fakePrometheus } from '../sources/fake-prometheus.ts';
import { openRuntime, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const never = new AbortController().signal;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const [embedded] = RUNTIMES;

let open: OpenRuntime;
let directory = '';
let key = { id: '', issuerKeyId: '' };
/** The whole minute that it is. */
let start = 0;
/** The ledger's clock is so much ahead of the real one. */
let ahead = 0;
beforeAll(async () => {
  open = await openRuntime(embedded ?? expect.fail('the embedded runtime runs everywhere'));
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keyturn-odd-'));
  const credential = fresh('cred');
  await declared(open.ledger, credential);
  key = await open.ledger.adopt(keyOf(credential, { state: 'current' }), ACTOR, {});
  start = Math.floor((await open.ledger.now()).getTime() / MINUTE) * MINUTE;
  ahead = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
afterAll(() => open.close());

const ingesting = (): Ingesting => ({ usage: open.usage, retention: { minutesMs: 14 * DAY }, log: quiet, now: async () => new Date((await open.ledger.now()).getTime() + ahead) });
const following = (name: string) => createAccessLogSource({ name, path: join(directory, 'access.log'), format: 'json', key: { by: 'id', field: 'key' }, latenessMs: 0, fingerprint: (value) => value });
const lineAt = (at: number, more: Record<string, unknown> = {}): string => `${JSON.stringify({ time: new Date(at).toISOString(), key: key.issuerKeyId, status: 200, ...more })}\n`;
const write = (...lines: readonly string[]): void => appendFileSync(join(directory, 'access.log'), lines.join(''));
const buckets = (step: 'minute' | 'hour' = 'minute'): Promise<readonly UsageBucket[]> => open.usage.buckets([key.id], step, new Date(start - 3 * DAY), new Date(start + DAY));
const byMinute = async (): Promise<readonly (readonly [minutesAgo: number, requests: number])[]> => (await buckets()).map(({ at, requests }) => [(start - at.getTime()) / MINUTE, requests]);

test('a log whose clock jumps back: each line counts in its minute, and what was seen is not unseen', async () => {
  const name = fresh('log');
  write(lineAt(start - 10 * MINUTE), lineAt(start - 5 * MINUTE));
  await ingest(ingesting(), following(name), never);
  const { seenUntil } = await open.usage.source(name);
  write(lineAt(start - 65 * MINUTE), lineAt(start - 64 * MINUTE), lineAt(start - 10 * MINUTE));
  await ingest(ingesting(), following(name), never);
  expect(await byMinute()).toEqual([[65, 1], [64, 1], [10, 2], [5, 1]]);
  expect((await open.usage.source(name)).seenUntil).toEqual(seenUntil);
});

test('a ledger whose clock was ahead and jumps back counts on; lines of the future are told, and nothing is counted twice', async () => {
  const name = fresh('log');
  write(lineAt(start - 20 * MINUTE));
  ahead = 60 * MINUTE;
  await ingest(ingesting(), following(name), never);
  ahead = -60 * MINUTE;
  write(lineAt(start - 10 * MINUTE), lineAt(start - 70 * MINUTE));
  await ingest(ingesting(), following(name), never);
  ahead = 0;
  write(lineAt(start - 9 * MINUTE));
  await ingest(ingesting(), following(name), never);
  expect(await byMinute()).toEqual([[70, 1], [20, 1], [9, 1]]);
  expect(await open.usage.source(name)).toMatchObject({ malformed: 1, malformedExample: expect.stringContaining('time lies in the future') });
});

test('a source that is down for a day catches up with all of it, once', async () => {
  const name = fresh('log');
  write(lineAt(start - 1_500 * MINUTE));
  ahead = -1_490 * MINUTE;
  await ingest(ingesting(), following(name), never);
  renameSync(directory, `${directory}-away`);
  for (ahead = -1_480 * MINUTE; ahead < 0; ahead += 120 * MINUTE) await ingest(ingesting(), following(name), never);
  expect(await open.usage.source(name)).toMatchObject({ failingSince: expect.any(Date), lastError: expect.stringContaining('does not exist') });
  renameSync(`${directory}-away`, directory);
  for (let minute = 1_440; minute > 0; minute -= 1) write(...Array.from({ length: 10 }, () => lineAt(start - minute * MINUTE)));
  ahead = 0;
  for (let turn = 0; turn < 3; turn += 1) await ingest(ingesting(), following(name), never);
  const counts = await byMinute();
  expect([counts.length, counts.slice(0, 2), counts.slice(1).every(([, requests]) => requests === 10)]).toEqual([1_441, [[1_500, 1], [1_440, 10]], true]);
  expect(await open.usage.source(name)).toMatchObject({ failingSince: null, lastError: null, malformed: 0 });
}, 120_000);

test('of twenty thousand addresses a few dozen are named, all are counted, and about how many is known', async () => {
  const name = fresh('log');
  write(...Array.from({ length: 20_000 }, (_, n) => lineAt(start - 2 * MINUTE, { remote_addr: `2001:db8::${n.toString(16)}`, http_user_agent: `bot/${n}` })));
  await ingest(ingesting(), following(name), never);
  const [only, ...others] = await buckets();
  expect([only?.requests, others]).toEqual([20_000, []]);
  expect(Math.abs((only?.addresses ?? 0) - 20_000)).toBeLessThan(7_000);
  expect((await open.usage.callers([key.id])).length).toBeLessThanOrEqual(CALLERS_BY_REQUESTS + CALLERS_BY_TIME);
}, 120_000);

test('a counter of Prometheus that resets takes nothing away: what can not be is told, and the minutes after it count', async () => {
  const prometheus = await fakePrometheus();
  try {
    const name = fresh('prom');
    for (const [minutesAgo, value] of [[6, 40], [5, -39_960], [4, 0], [3, 12.4]] as const) prometheus.add('q', { key: key.issuerKeyId }, start - minutesAgo * MINUTE, value);
    await ingest(ingesting(), createPrometheusSource({ name, url: prometheus.url, key: { by: 'id', label: 'key' }, query: 'q', lagMs: 0, fingerprint: (value) => value }), never);
    expect(await byMinute()).toEqual([[6, 40], [3, 12]]);
    expect(await open.usage.source(name)).toMatchObject({ malformed: 1, malformedExample: 'a sample that is less than nothing', failingSince: null });
  } finally {
    await prometheus.close();
  }
});
