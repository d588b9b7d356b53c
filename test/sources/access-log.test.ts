import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdtemp, readFile, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import type { UsageBatch } from '../../src/ports/usage-source.ts';
import { createAccessLogSource, type AccessLogOptions } from '../../src/sources/access-log/index.ts';
import { runUsageSourceContract, type Use, type UsageSourceHarness } from '../contracts/usage-source.ts';

const fingerprint = (value: string): string => createHash('sha256').update(value).digest('hex');
const STATUS = { ok: 200, failed: 500, denied: 401 } as const;
const never = new AbortController().signal;

const nginxText = (text: string): string => text.replace(/["\\\p{Cc}]|[^\p{ASCII}]/gu, (char) => [...Buffer.from(char)].map((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const common = (at: Date): string => `${at.toISOString().slice(8, 10)}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`;

const LINES: Readonly<Record<AccessLogOptions['format'], (use: Use) => string>> = {
  json: ({ at, key, outcome, address, agent }) => JSON.stringify({ time: at.toISOString(), api: { key }, status: STATUS[outcome], remote_addr: address, http_user_agent: agent }),
  nginx: ({ at, key, outcome, address, agent }) => `${(address ?? '-').replaceAll(/\s/g, '_')} - - [${common(at)}] "GET /v1/x HTTP/1.1" ${STATUS[outcome]} 12 "-" "${nginxText(agent ?? '-')}" rt=0.1 key="${key}"`,
  envoy: ({ at, key, outcome, address, agent }) => `[${at.toISOString()}] "GET /v1/x HTTP/1.1" ${STATUS[outcome]} - 0 12 3 2 "${(address ?? '-').replaceAll(/[\n\r]/g, ' ')}" "${(agent ?? '-').replaceAll(/[\n\r]/g, ' ')}" "id" "host" "10.0.0.9:80" key="${key}"`,
};
const FIELDS = { json: 'api.key', nginx: 'key', envoy: 'key' } as const;

function harness(format: AccessLogOptions['format']): () => Promise<UsageSourceHarness> {
  return async () => {
    const root = await mkdtemp(join(tmpdir(), 'keyturn-access-'));
    const path = join(root, 'access.log');
    await writeFile(path, '');
    const line = (use: Use): string => `${LINES[format](use)}\n`;
    return {
      source: createAccessLogSource({ name: 'log', path, format, key: { by: 'id', field: FIELDS[format] }, fingerprint, timeoutMs: 5_000, latenessMs: 30_000 }),
      add: (uses) => appendFile(path, uses.map(line).join('')),
      repeat: null,
      latenessMs: 30_000,
      settlesMs: 0,
      async trouble(kind) {
        if (kind === 'rubbish') await appendFile(path, Buffer.concat([Buffer.from(`{"a":\u001b[2J\n\n\u0000\u0000garbage ${'z'.repeat(400)}\n`), Buffer.from([0xff, 0xfe, 0x80, 0x0a])]));
      },
      troubles: ['rubbish'],
      busyRetryAfterMs: null,
      clue: (key) => key,
      callers: true,
      resolutionMs: format === 'nginx' ? 1_000 : 1,
      close: () => rm(root, { recursive: true, force: true }),
    };
  };
}

for (const format of ['json', 'nginx', 'envoy'] as const) runUsageSourceContract(`access log (${format})`, harness(format));

const upTo = (last: number, first = 1): readonly string[] => Array.from({ length: last - first + 1 }, (_, n) => `k${first + n}`);

describe('an access log', () => {
  let root: string;
  let path: string;
  let number = 0;
  const now = new Date();
  const since = new Date(now.getTime() - 3_600_000);
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'keyturn-access-'));
    path = join(root, 'access.log');
    number = 0;
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const source = (more: Partial<AccessLogOptions> = {}) => createAccessLogSource({ name: 'log', path, format: 'json', key: { by: 'id', field: 'key' }, fingerprint, ...more });
  const line = (more: object = {}): string => `${JSON.stringify({ time: new Date(now.getTime() - 60_000 + number).toISOString(), key: `k${(number += 1)}`, status: 200, ...more })}\n`;
  const write = (count = 1, to = path): Promise<void> => appendFile(to, Array.from({ length: count }, () => line()).join(''));
  let cursor: unknown = null;
  const read = async (from = source()): Promise<UsageBatch> => {
    const batch = await from.read({ cursor, now, since }, never);
    cursor = JSON.parse(JSON.stringify(batch.cursor)) as unknown;
    return batch;
  };
  const keys = async (from = source()): Promise<readonly string[]> => {
    const told: string[] = [];
    for (let more = true; more; ) {
      const batch = await read(from);
      told.push(...batch.events.map(({ clue }) => clue));
      ({ more } = batch);
    }
    return told;
  };
  beforeEach(() => {
    cursor = null;
  });

  it('is followed over a rename, with what the writer still wrote to the old file, and restarts in between', async () => {
    await write(2);
    expect(await keys()).toEqual(upTo(2));
    await write(1);
    await rename(path, `${path}.1`);
    await write(1, `${path}.1`);
    await write(2);
    expect(await keys()).toEqual(upTo(6, 3));
    await rename(`${path}.1`, `${path}.2`);
    await rename(path, `${path}.1`);
    expect(await keys()).toEqual([]);
    await write(1);
    expect(await keys()).toEqual(['k7']);
  });

  it('is followed over several rotations that nobody saw, oldest first, also by date; compressed ones are left alone', async () => {
    await write(1);
    expect(await keys()).toEqual(['k1']);
    for (const to of ['access.log-20260501', 'access-2026-05-02.log', 'access.log.old']) {
      await write(2);
      await rename(path, join(root, to));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await write(1);
    await writeFile(`${path}.9.gz`, gzipSync(line({ key: 'compressed' })));
    await writeFile(join(root, 'access-admin.log'), line({ key: 'foreign' }));
    await writeFile(join(root, 'access.log.swp'), line({ key: 'foreign' }));
    expect(await keys()).toEqual(upTo(8, 2));
    expect(await keys()).toEqual([]);
  });

  it('is followed over copytruncate, whenever it is looked at meanwhile', async () => {
    await write(3);
    expect(await keys()).toEqual(upTo(3));
    await write(2);
    await copyFile(path, `${path}.1`);
    expect(await keys()).toEqual(upTo(5, 4));
    await truncate(path, 0);
    expect(await keys()).toEqual([]);
    await write(2);
    expect(await keys()).toEqual(upTo(7, 6));
    await write(1);
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
    await write(1);
    expect(await keys()).toEqual(upTo(9, 8));
  });

  it('takes neither a half copy for a file of its own nor a common first line for a copy', async () => {
    const header = '{"version":1}\n';
    await writeFile(path, header);
    await write(3);
    await keys();
    await writeFile(`${path}.1`, (await readFile(path, 'utf8')).slice(0, header.length + 100));
    expect(await keys()).toEqual([]);
    await unlink(`${path}.1`);
    await rename(path, `${path}.1`);
    await writeFile(path, header);
    await write(2);
    await rename(path, `${path}.2`);
    await writeFile(path, header);
    await write(1);
    expect(await keys()).toEqual(upTo(6, 4));
  });

  it('begins anew where it was truncated in place, also when it has grown beyond that since', async () => {
    await write(3);
    await keys();
    await writeFile(path, '');
    await write(1);
    expect(await keys()).toEqual(['k4']);
    const first = await readFile(path, 'utf8');
    await writeFile(path, first);
    await write(40);
    await keys();
    await writeFile(path, first);
    await appendFile(path, Array.from({ length: 60 }, () => line({ agent: 'other' })).join(''));
    expect((await keys()).length).toBe(61);
  });

  it('leaves a partial line for the next time', async () => {
    const [whole, half] = [line(), line()];
    await writeFile(path, whole + half.slice(0, 30));
    expect(await keys()).toEqual(['k1']);
    await appendFile(path, half.slice(30, -1));
    expect(await keys()).toEqual([]);
    await appendFile(path, '\n');
    expect(await keys()).toEqual(['k2']);
  });

  it('passes over a line without end in bounded memory, counted once, and over the hole of a truncation', async () => {
    await write(1);
    await appendFile(path, 'x'.repeat(3_000_000));
    const [first, again] = [await read(), await read()];
    expect([first.malformed, again.malformed]).toEqual([1, 0]);
    await appendFile(path, `${'y'.repeat(300_000)}\n${line()}`);
    expect(await keys()).toEqual(['k2']);
    await appendFile(path, Buffer.concat([Buffer.alloc(700_000), Buffer.from(line())]));
    const holed = await read();
    expect([holed.events.map(({ clue }) => clue), holed.malformed]).toEqual([['k3'], 0]);
  });

  it('keeps a use whose line holds bytes that are no text: nobody becomes unseen by them', async () => {
    await writeFile(path, Buffer.concat([Buffer.from(line().replace('}\n', ',"http_user_agent":"')), Buffer.from([0xff, 0xc0, 0x00 + 0x41]), Buffer.from('"}\n')]));
    expect((await read()).events[0]?.agent).toBe('\ufffd\ufffdA');
  });

  it('shows of a malformed line nothing that may be a key, and nothing at all where the log holds values', async () => {
    const value = 'hm_live_4c1f9a5b7d3e';
    await writeFile(path, `not json ${value} \u001b[31mred\n`);
    const { example } = await read();
    expect(example).toMatch(/^access\.log at byte 0, a line whose shape is not that of json: not json hm_l…/);
    expect(example).not.toContain(value);
    cursor = null;
    expect((await read(source({ key: { by: 'value', field: 'key' } }))).example).toBe('access.log at byte 0, a line whose shape is not that of json');
  });

  it('fingerprints values and keeps none', async () => {
    const value = 'hm_live_4c1f9a5b7d3e2f6a8b0c9d1e';
    await writeFile(path, line({ key: `Bearer ${value}` }) + line({ key: '-' }) + line({ key: undefined }));
    const batch = await read(source({ key: { by: 'value', field: 'key' } }));
    expect(batch.events.map(({ clue }) => clue)).toEqual([fingerprint(value)]);
    expect(JSON.stringify(batch)).not.toContain(value);
    expect(batch.malformed).toBe(0);
  });

  it('has seen as far as its lines reach, less what may come late; a line of the future is not believed', async () => {
    expect((await read()).seenUntil).toBeNull();
    await write(1);
    await appendFile(path, line({ time: '2099-01-01T00:00:00Z' }));
    const batch = await read(source({ latenessMs: 10_000 }));
    expect([batch.seenUntil, batch.malformed]).toEqual([new Date(now.getTime() - 70_000), 1]);
    expect((await read(source({ latenessMs: 10_000 }))).seenUntil).toEqual(new Date(now.getTime() - 70_000));
  });

  it('follows several logs by a pattern, each with its rotated files', async () => {
    for (const host of ['a', 'b']) await write(2, join(root, `${host}.access.log`));
    const both = source({ path: join(root, '*.access.log') });
    expect(await keys(both)).toEqual(upTo(4));
    await rename(join(root, 'a.access.log'), join(root, 'a.access.log.1'));
    expect(await keys(both)).toEqual([]);
    await write(1, join(root, 'a.access.log.1'));
    await write(1, join(root, 'a.access.log'));
    expect(await keys(both)).toEqual(upTo(6, 5));
    for (let n = 0; n < 30; n += 1) await write(1, join(root, `c${n}.access.log`));
    await expect(read(both)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  });

  it('remembers a bounded number of rotated files, and reads none twice', async () => {
    for (let n = 100; n > 0; n -= 1) await write(1, `${path}.${n}`);
    await write(1);
    const told = await keys();
    expect([told.length, new Set(told).size]).toEqual([101, 101]);
    expect(JSON.stringify(cursor).length).toBeLessThan(16_384);
    expect(await keys()).toEqual([]);
    await write(1);
    expect(await keys()).toEqual(['k102']);
  });

  it('is refused where it may not be read, and looked for again where it is not there', async () => {
    await writeFile(join(root, 'file'), '');
    const code = (at: string): Promise<string> => source({ path: at }).read({ cursor: null, now, since }, never).then(() => 'read', (thrown: KeyturnError) => thrown.code);
    expect([await code(join(root, 'file', 'x.log')), await code(join(root, 'none', 'x.log')), await code(path)]).toEqual(['SOURCE_REFUSED', 'SOURCE_UNAVAILABLE', 'read']);
    expect(await source({ path: join(root, 'none.log') }).probe(never)).toEqual([expect.stringContaining('There is no file')]);
    expect(await source({ path: join(root, '*.nothing') }).probe(never)).toEqual([`No file matches ${join(root, '*.nothing')}.`]);
  });

  const one = async (text: string, more: Partial<AccessLogOptions>): Promise<readonly unknown[]> => {
    await writeFile(path, `${text}\n`);
    const { events, malformed } = await source(more).read({ cursor: null, now: new Date('2026-10-10T14:00:00Z'), since: new Date('2026-10-10T13:00:00Z') }, never);
    return [...events.map(({ clue, outcome, address, agent }) => [clue, outcome, address, agent]), ...(malformed > 0 ? ['malformed'] : [])];
  };

  describe('formats', () => {
    const nginx = { format: 'nginx', key: { by: 'id', field: 'key' } } as const;
    const envoy = { format: 'envoy', key: { by: 'id', field: 'key' } } as const;
    const start = '192.0.2.1 - ops [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1"';

    it('nginx: the combined format, with variables after it in any order', async () => {
      expect(await one(`${start} 499 0 "-" "a \\x22b\\x22" "10.1.1.1" rt=0.2 key="k1" x="y"`, nginx)).toEqual([['k1', 'failed', '192.0.2.1', 'a "b"']]);
      expect(await one(`${start} 200 0 "-" "a" key=k1`, nginx)).toEqual([['k1', 'ok', '192.0.2.1', 'a']]);
      expect(await one(`${start} 200 0 "-" "a"`, nginx)).toEqual([]);
      expect(await one(`${start} 200 0 "-" "a"`, { format: 'nginx', key: { by: 'id', field: 'remote_user' } })).toEqual([['ops', 'ok', '192.0.2.1', 'a']]);
      expect(await one('what is this', nginx)).toEqual(['malformed']);
      expect(await one('{"time_iso8601":"2026-10-10T13:55:36+00:00","key":"k1","status":"403","remote_addr":"::1"}', nginx)).toEqual([['k1', 'denied', '::1', null]]);
    });

    it('nginx: a caller can not put another key into the line', async () => {
      const forged = 'x\\x22 key=\\x22victim\\x22 key=victim';
      expect(await one(`${start} 200 0 "${forged}" "${forged}" "1.1.1.1 key=victim" key="k1"`, nginx)).toEqual([['k1', 'ok', '192.0.2.1', 'x" key="victim" key=victim']]);
      expect(await one(`1.1.1.1 - x [10/Oct/2026:13:00:00 +0000] [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 0 "-" "-" key="k1"`, nginx)).toEqual([['k1', 'ok', '1.1.1.1', null]]);
    });

    it('envoy: its default format and its JSON', async () => {
      const text = '[2026-10-10T13:55:36.000Z] "GET /x HTTP/2" 403 - 0 12 3 - "10.0.0.1,192.0.2.7" "app/1" "id" "host" "-" key="k1"';
      expect(await one(text, envoy)).toEqual([['k1', 'denied', '192.0.2.7', 'app/1']]);
      expect(await one(text.replace('403', '0'), envoy)).toEqual([['k1', 'failed', '192.0.2.7', 'app/1']]);
      expect(await one('{"start_time":"2026-10-10T13:55:36.000Z","response_code":200,"key":"k1","user_agent":"a","downstream_remote_address":"192.0.2.8:5012"}', envoy)).toEqual([['k1', 'ok', '192.0.2.8', 'a']]);
    });

    it('envoy: a caller who sends quotes is seen all the same', async () => {
      expect(await one('[2026-10-10T13:55:36.000Z] "GET /x HTTP/2" 200 - 0 12 3 - "-" "a" "b" key="victim" "id" "host" "-" key="k1"', envoy)).toEqual([['k1', 'ok', null, null]]);
    });

    it('takes fields and statuses that are named, and counts', async () => {
      const told = '{"t":1791640536,"k":{"id":"k1"},"s":429,"n":12,"from":"192.0.2.1","a.b":"app"}';
      const more: Partial<AccessLogOptions> = { key: { by: 'id', field: 'k.id' }, fields: { at: 't', status: 's', requests: 'n', address: 'from', agent: 'a.b' }, denied: [429] };
      expect(await one(told, more)).toEqual([['k1', 'denied', '192.0.2.1', 'app']]);
    });

    it('takes a pattern, and refuses one that is none', async () => {
      const pattern = '^(?<at>\\S+) (?<key>\\S+) (?<status>\\d+)(?: (?<agent>.*))?$';
      expect(await one('2026-10-10T13:55:36Z k1 200 some agent', { pattern })).toEqual([['k1', 'ok', null, 'some agent']]);
      expect(await one('nothing', { pattern })).toEqual(['malformed']);
      for (const bad of ['(?<at>', '(?<at>x)(?<key>y)']) expect(() => source({ pattern: bad })).toThrow(KeyturnError);
    });
  });
});
