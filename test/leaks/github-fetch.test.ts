/** Reading the secret of an alert: what GitHub may answer, and what an event may try to make of the address. */
import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { createGitHubLeakSource } from '../../src/leaks/github/index.ts';
import type { LeakSource } from '../../src/ports/leak-source.ts';
import { answering, type Answer, type Answering, type Asked } from './answering.ts';

const VALUE = `hm_live_${'0123456789abcdef'.repeat(3)}`;
const TOKEN = 'github-token-of-the-tests';
const REFERENCE = '{"repository":"octo/app","number":7}';
const signal = AbortSignal.timeout(60_000);
let server: Answering | undefined;
afterEach(async () => await server?.close());

async function sourceOver(answer: (asked: Asked) => Answer, path = ''): Promise<LeakSource> {
  server = await answering(answer);
  return createGitHubLeakSource({ name: 'github', secret: () => new Secret('webhook-secret-x'), token: () => new Secret(TOKEN), baseUrl: `${server.url}${path}`, timeoutMs: 2_000 });
}

const fetched = (source: LeakSource): Promise<unknown> | undefined => source.fetch?.(REFERENCE, signal).then((leak) => leak, (error: { code: string; message: string; retryAfterMs?: number }) => ({ code: error.code, message: error.message, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) }));

test('asks for that alert, also below the path of an Enterprise Server, with its token', async () => {
  const source = await sourceOver(() => ({ status: 200, body: { number: 7, secret: VALUE, html_url: 'https://github.com/octo/app/security/secret-scanning/7', created_at: '2026-03-02T11:59:00Z', secret_type: 'hypermemory_key' } }), '/api/v3/');
  expect(await fetched(source)).toEqual({ secret: { kind: 'value', value: VALUE }, url: 'https://github.com/octo/app/security/secret-scanning/7', foundAt: new Date('2026-03-02T11:59:00Z'), detail: 'hypermemory_key' });
  expect(server?.asked[0]).toMatchObject({ path: '/api/v3/repos/octo/app/secret-scanning/alerts/7', headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/vnd.github+json' } });
});

test('follows a renamed repository on the same host, and carries its token nowhere else', async () => {
  const source = await sourceOver(({ path }) => (path.startsWith('/repos/') ? { status: 301, headers: { location: '/repositories/1/secret-scanning/alerts/7' } } : { status: 200, body: { secret: VALUE } }));
  expect(await fetched(source)).toMatchObject({ secret: { value: VALUE } });
  const other = await answering(() => ({ status: 200, body: { secret: VALUE } }));
  await server?.close();
  expect(await fetched(await sourceOver(() => ({ status: 302, headers: { location: `${other.url}/x` } })))).toMatchObject({ code: 'SOURCE_REFUSED' });
  expect(other.asked).toEqual([]);
  await other.close();
});

test.each([
  [{ status: 401 }, { code: 'SOURCE_REFUSED' }],
  [{ status: 403 }, { code: 'SOURCE_REFUSED' }],
  [{ status: 404 }, { code: 'SOURCE_REFUSED' }],
  [{ status: 200, body: { number: 7 } }, { code: 'SOURCE_REFUSED' }],
  [{ status: 200, body: `no JSON ${VALUE}` }, { code: 'SOURCE_UNAVAILABLE' }],
  [{ status: 429, headers: { 'retry-after': '30' } }, { code: 'SOURCE_UNAVAILABLE', retryAfterMs: 30_000 }],
  [{ status: 403, headers: { 'x-ratelimit-remaining': '0', 'retry-after': '60' } }, { code: 'SOURCE_UNAVAILABLE', retryAfterMs: 60_000 }],
  [{ status: 503 }, { code: 'SOURCE_UNAVAILABLE' }],
  [{ status: 200, body: 'x'.repeat(2_000_000) }, { code: 'SOURCE_UNAVAILABLE' }],
])('%j: %j, and no word of what was answered', async (answer: Answer, expected) => {
  const said = await fetched(await sourceOver(() => answer));
  expect(said).toMatchObject(expected);
  expect(JSON.stringify(said)).not.toContain(VALUE);
  expect(JSON.stringify(said)).not.toContain(TOKEN);
});

test('nobody answers: it may do later', async () => {
  const source = await sourceOver(() => ({ status: 200 }));
  await server?.close();
  server = undefined;
  expect(await fetched(source)).toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
});

test('an event that names a repository of another form is no event', async () => {
  const source = await sourceOver(() => ({ status: 200 }));
  for (const name of ['../../user', 'o/..', 'o/r/../../x', 'o', 'o/r?x=1', 'o/r#', 'o/%2e%2e', `o/${'r'.repeat(300)}`]) {
    const body = Buffer.from(JSON.stringify({ action: 'created', alert: { number: 7 }, repository: { full_name: name } }));
    expect(() => source.read({ body, headers: { 'x-github-event': 'secret_scanning_alert' } })).toThrow('no secret scanning alert');
  }
});
