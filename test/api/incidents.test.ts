/** Incidents through the control API, and from a command line of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/api/client.ts';
import { startApi, type Api } from '../../src/api/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { reportSchema } from '../../src/incidents/index.ts';
import type { Log } from '../../src/ports/log.ts';
import { keyturn, type CliResult } from '../support/cli.ts';
import { REPORT } from '../support/fake-incidents.ts';
import { fakeWorker, type FakeWorker } from '../support/fake-operations.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const TOKEN = new Secret('a-token-that-is-long-enough-1234');
const { id } = REPORT.incident;

let directory: string;
let socketPath: string;
let worker: FakeWorker;
let api: Api;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-incidents-'));
  socketPath = join(directory, 'keyturn.sock');
  worker = fakeWorker();
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath, tcp: { host: '127.0.0.1', port: 0, token: TOKEN }, log, version: '0.1.0' });
});
afterEach(async () => {
  await api.close(500);
  await rm(directory, { recursive: true, force: true });
});

const cli = (...args: string[]): Promise<CliResult> => keyturn(['--socket', socketPath, ...args], { cwd: directory });
const asked = (): unknown[] => worker.calls.map(({ operation, given }) => [operation, given]);

const get = (path: string): Promise<Response> => fetch(`${api.addresses.find((address) => address.startsWith('http')) ?? ''}${path}`, { headers: { authorization: `Bearer ${TOKEN.reveal()}` } });

describe('the API', () => {
  it('the client asks for the list, and for a report in each of its forms', async () => {
    const client = connect({ socketPath });
    expect(await client.incidents({ credential: 'prod-api', limit: 5 })).toMatchObject([{ id, reports: 1 }]);
    expect(await client.incident(id.slice(0, 8))).toEqual(REPORT);
    expect(await client.incidentText(id, 'markdown')).toMatch(/^# prod-api: emergency revocation\n/);
    expect(await client.incidentText(id, 'html')).toMatch(/^<!doctype html>\n/);
    expect(asked()).toEqual([['incidents', { credential: 'prod-api', limit: 5 }], ['incident', { id: id.slice(0, 8) }], ['incidentText', { id, format: 'markdown' }], ['incidentText', { id, format: 'html' }]]);
    for (const ask of [client.incident('01ZZ'), client.incidentText('01ZZ', 'html')]) await expect(ask).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: 'There is no incident 01ZZ.', todo: 'See `keyturn incidents`.' });
  });

  it('gives each form its type, and a page that may neither run nor load anything', async () => {
    const [json, markdown, html] = await Promise.all([get(`/v1/incidents/${id}`), get(`/v1/incidents/${id}?format=markdown`), get(`/v1/incidents/${id}?format=html`)]);
    expect([json, markdown, html].map(({ status, headers }) => [status, headers.get('content-type')])).toEqual([[200, 'application/json; charset=utf-8'], [200, 'text/markdown; charset=utf-8'], [200, 'text/html; charset=utf-8']]);
    expect(reportSchema.parse(await json.json())).toEqual(REPORT);
    expect(html.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('refuses what makes no sense before anybody is asked', async () => {
    for (const path of ['/v1/incidents/..%2f', '/v1/incidents/01JT%20', `/v1/incidents/${'0'.repeat(27)}`, `/v1/incidents/${id}?format=pdf`, `/v1/incidents/${id}?form=html`, '/v1/incidents?limit=0x1', '/v1/incidents?limit=1001']) {
      expect([path, (await get(path)).status]).toEqual([path, 400]);
    }
    expect(worker.calls).toEqual([]);
  });
});

describe('the command line', () => {
  it('lists emergency revocations', async () => {
    const [shown, json] = await Promise.all([cli('incidents', '--credential', 'prod-api'), cli('incidents', '--json')]);
    expect(shown.stdout).toMatch(new RegExp(`^${id}\\tprod-api\\tdone\\t\\S+Z\\t\\S+Z\\t1\\t\\S+Z\\tcli:alice@laptop\\tpasted into a public issue$`, 'm'));
    expect(JSON.parse(json.stdout)).toMatchObject([{ id, credential: 'prod-api' }]);
  });

  it('shows one as Markdown, as a page and as JSON', async () => {
    const [plain, markdown, html, json, flag] = await Promise.all([cli('incidents', 'show', id), cli('incidents', 'show', id, '--format', 'markdown'), cli('incidents', 'show', id, '--format', 'html'), cli('incidents', 'show', id, '--format', 'json'), cli('incidents', 'show', id, '--json')]);
    expect([plain, markdown, html, json, flag].map(({ code, stderr }) => [code, stderr])).toEqual(Array.from({ length: 5 }, () => [0, '']));
    expect(plain.stdout).toBe(markdown.stdout);
    expect(markdown.stdout).toMatch(/^# prod-api: emergency revocation\n[^]*\n## Open questions\n/);
    expect(html.stdout).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/);
    for (const { stdout } of [json, flag]) expect(reportSchema.parse(JSON.parse(stdout))).toEqual(REPORT);
  });

  it.each([
    [['incidents', 'show'], 2, "missing required argument 'id'"],
    [['incidents', 'show', id, '--format', 'pdf'], 2, '--format takes markdown, html or json.'],
    [['incidents', 'show', id, '--format', 'html', '--json'], 2, '--json and --format html contradict each other.'],
    [['incidents', '--limit', '0'], 2, '--limit takes a whole number'],
    [['incidents', 'show', '01ZZ'], 5, 'There is no incident 01ZZ.'],
    [['incidents', 'show', '01ZZ', '--format', 'html'], 5, 'There is no incident 01ZZ.\n  See `keyturn incidents`.'],
    [['incidents', 'show', '../x'], 2, 'is no id'],
  ])('%j: exit %i, and why', async (args, code, says) => {
    expect(await cli(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
  });
});
