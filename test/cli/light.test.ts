/** A command that only asks the worker starts in a blink because it loads next to nothing. What it loads is counted, not timed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import type { Log } from '../../src/ports/log.ts';
import { keyturn } from '../support/cli.ts';
import { credentialStatus, fakeWorker } from '../support/fake-operations.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RECORDER = pathToFileURL(join(import.meta.dirname, '..', 'support', 'record-modules.mjs')).href;
const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

let directory: string;
let api: Api;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kt-light-'));
  const { operations, health } = fakeWorker([credentialStatus('prod-api-server')]);
  api = await startApi({ operations, health, socketPath: join(directory, 'keyturn.sock'), log, version: '0.1.0' });
  writeFileSync(join(directory, 'keyturn.yaml'), 'version: 1\nworker:\n  dataDir: ./\n');
});

afterAll(async () => {
  await api.close(500);
  rmSync(directory, { recursive: true, force: true });
});

interface Loaded {
  readonly code: number | null;
  readonly packages: readonly string[];
  /** Of src, without the command line's own. */
  readonly sources: readonly string[];
}

async function loadedBy(...args: string[]): Promise<Loaded> {
  const file = join(directory, 'modules');
  rmSync(file, { force: true });
  const { code } = await keyturn(args, { cwd: directory, env: { NODE_OPTIONS: `--import=${RECORDER}`, MODULES_LOG: file } });
  const urls = readFileSync(file, 'utf8').split('\n');
  const packages = urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  const base = pathToFileURL(`${ROOT}/`).href;
  const own = urls.filter((url) => url.startsWith(base) && !url.includes('/node_modules/')).map((url) => url.slice(base.length));
  const sources = own.filter((path) => /^(src|jobs)\//.test(path) && !path.startsWith('src/cli/'));
  return { code, packages: [...new Set(packages)].sort(), sources: [...new Set(sources)].sort() };
}

const LIGHT = ['src/config/environment.ts', 'src/core/anchor.ts', 'src/core/errors.ts', 'src/core/scrubber.ts', 'src/core/secret.ts'];

describe('starting the command line', () => {
  it('with --version loads the parser of command lines, and nothing of the worker', async () => {
    expect(await loadedBy('--version')).toEqual({ code: 0, packages: ['commander', 'picocolors'], sources: LIGHT });
  });

  it.each([
    ['a socket that is named', ['status', '--json', '--config', 'none.yaml', '--socket', 'keyturn.sock']],
    ['a data directory that the configuration names', ['status']],
  ])('status loads the client of the API besides, for %s', async (_where, args) => {
    expect(await loadedBy(...args)).toEqual({ code: 0, packages: ['commander', 'picocolors'], sources: ['src/api/alert-client.ts', 'src/api/client-errors.ts', 'src/api/client.ts', 'src/api/drill-client.ts', 'src/api/incident-client.ts', 'src/api/response-client.ts', ...LIGHT] });
  });

  it('revoke --direct loads nothing of the ledger or the queue, and no driver of theirs', async () => {
    writeFileSync(join(directory, 'admin.key'), 'hm_live_0123456789abcdef');
    writeFileSync(join(directory, 'glass.yaml'), 'version: 1\nissuers: { hm: { type: hypermemory, adminKey: "${file:admin.key}", baseUrl: "http://127.0.0.1:1" } }\n');
    const { code, packages, sources } = await loadedBy('revoke', 'key_1', '--direct', '--yes', '--reason', 'x', '--timeout', '1s', '--config', 'glass.yaml', '--record', 'records');
    expect(code).toBe(1);
    expect(sources).toContain('src/app/break-glass/kill.ts');
    expect(sources.filter((path) => /^(src\/(ledger|queue|rotation|api\/(?!client|alert-client|drill-client|incident-client|response-client))|jobs)/.test(path))).toEqual([]);
    expect(packages.filter((name) => ['pg', 'kysely', '@electric-sql/pglite', 'bullmq', 'ioredis', 'fastify'].includes(name))).toEqual([]);
  });

  it('is seen by this test where it is heavy: validate loads the schema', async () => {
    const { packages, sources } = await loadedBy('validate');
    expect(packages).toEqual(expect.arrayContaining(['yaml', 'zod']));
    expect(sources).toContain('src/config/schema.ts');
  });
});
