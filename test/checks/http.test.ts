import { afterEach, describe, expect, it } from 'vitest';
import { createHttpCheck } from '../../src/checks/http/index.ts';
import type { HttpCheckOptions } from '../../src/checks/http/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { startAnswers } from '../support/answers.ts';
import type { Answers, Reply } from '../support/answers.ts';

const subject = { credential: 'prod-api-server', rotationId: '01J' };
const never = new AbortController().signal;

function url(address: string) {
  return () => createHttpCheck({ name: 'health', url: address });
}

describe('http check', () => {
  let app: Answers | undefined;
  afterEach(async () => {
    await app?.stop();
    app = undefined;
  });

  async function check(options: Partial<HttpCheckOptions>, ...replies: Reply[]) {
    app = await startAnswers(...replies);
    return createHttpCheck({ name: 'health', url: app.url, intervalMs: 5, timeoutMs: 1_000, deadlineMs: 5_000, ...options });
  }

  it('is green at the first good answer', async () => {
    const health = await check({}, { status: 204 });
    expect(await health.run(subject, never)).toMatchObject({ ok: true });
    expect(app?.asked).toHaveLength(1);
  });

  it('gives an application time to become green', async () => {
    const health = await check({}, { status: 503 }, { fault: 'cut' }, { status: 200 });
    const result = await health.run(subject, never);
    expect(result.ok).toBe(true);
    expect(result.detail).toContain('3 tries');
  });

  it('is red after its attempts, and says what it saw against what it expected', async () => {
    const health = await check({ attempts: 3 }, { status: 503 });
    const result = await health.run(subject, never);
    expect(result.ok).toBe(false);
    expect(result.detail).toMatch(/^GET http:.*\/healthz answered 503, expected 200 to 299 \(3 tries in /);
    expect(app?.asked).toHaveLength(3);
  });

  it.each([
    [{ expectStatus: 204 }, { status: 200 }, false],
    [{ expectStatus: [200, 418] }, { status: 418 }, true],
    [{ expectBody: '"up"' }, { body: '{"status":"up"}' }, true],
    [{ expectBody: '"up"' }, { body: '{"status":"down"}' }, false],
    [{ expectBody: '/STATUS.*up/i' }, { body: '{"status":"up"}' }, true],
    [{ expectBody: '/^up$/' }, { body: '{"status":"up"}' }, false],
  ] as [Partial<HttpCheckOptions>, Reply, boolean][])('measures %j against %j', async (expected, reply, green) => {
    const health = await check({ ...expected, attempts: 1 }, reply);
    expect((await health.run(subject, never)).ok).toBe(green);
  });

  it('can want several successes in a row', async () => {
    const health = await check({ consecutive: 2, attempts: 6 }, {}, { status: 500 }, {}, {});
    expect((await health.run(subject, never)).ok).toBe(true);
    expect(app?.asked).toHaveLength(4);
  });

  it('is red when the successes in a row do not come together, although the last answer was good', async () => {
    const health = await check({ consecutive: 3, attempts: 3 }, { status: 500 }, {}, {});
    const result = await health.run(subject, never);
    expect(result.ok).toBe(false);
    expect(result.detail).toContain('2 of 3 in a row');
  });

  it('does not follow a redirect: a login page is no health', async () => {
    const health = await check({ attempts: 1 }, { status: 302, headers: { location: '/login' } }, { status: 200 });
    expect((await health.run(subject, never)).ok).toBe(false);
    expect(app?.asked).toHaveLength(1);
  });

  it('reads no more than the beginning of a body that never ends', async () => {
    const health = await check({ attempts: 1, expectBody: 'never there', timeoutMs: 4_000 }, { fault: 'endless' });
    const result = await health.run(subject, never);
    expect(result.detail).toContain('its body does not hold');
    expect(result.tookMs).toBeLessThan(3_000);
  });

  it('waits for a silent application no longer than its time-outs say', async () => {
    const health = await check({ attempts: 100, timeoutMs: 50, deadlineMs: 300 }, { fault: 'hang' });
    const result = await health.run(subject, never);
    expect(result.ok).toBe(false);
    expect(result.detail).toContain('it does not answer in time');
    expect(result.tookMs).toBeLessThan(1_500);
  });

  it('says when nothing listens', async () => {
    const health = await check({ attempts: 1 });
    await app?.stop();
    expect((await health.run(subject, never)).detail).toContain('nothing listens there');
  });

  it('being told to stop is no red result: it throws, so that nothing is rolled back', async () => {
    const health = await check({ attempts: 100, timeoutMs: 5_000 }, { fault: 'hang' });
    const stop = new AbortController();
    const run = health.run(subject, stop.signal);
    setTimeout(() => stop.abort(new Error('shutting down')), 50);
    await expect(run).rejects.toThrow('shutting down');
  });

  it('sends secret headers, and says nothing of them', async () => {
    const secret = new Secret('health-token-31415926');
    const health = await check({ attempts: 1, headers: { authorization: async () => secret, 'x-plain': 'yes' } }, { status: 401 });
    const result = await health.run(subject, never);
    expect(app?.asked[0]?.headers).toMatchObject({ authorization: secret.reveal(), 'x-plain': 'yes' });
    expect(JSON.stringify(result)).not.toContain(secret.reveal());
  });

  it('refuses an address that carries a secret, a user, or that is none', () => {
    const secret = new Secret('key/in the+url-123456');
    expect(url(`https://app.example/?key=${encodeURIComponent(secret.reveal())}`)).toThrow(/secret/);
    expect(url('https://user:pass@app.example/')).toThrow(/user or password/);
    expect(url('ftp://app.example/')).toThrow(/no http/);
    expect(url('app.example')).toThrow(/no http/);
  });

  it('is red, and asks nothing, when its address turns out later to carry a secret', async () => {
    const health = await check({ attempts: 1 }, {});
    const late = createHttpCheck({ name: 'late', url: `${app?.url}?k=minted-later-271828`, attempts: 1 });
    const registered = new Secret('minted-later-271828');
    const result = await late.run(subject, never);
    expect(result.ok).toBe(false);
    expect(result.detail).not.toContain(registered.reveal());
    expect(app?.asked).toHaveLength(0);
    expect((await health.run(subject, never)).ok).toBe(true);
  });

  it('refuses expectations that nothing can meet', () => {
    expect(() => createHttpCheck({ name: 'health', url: 'http://a.example', attempts: 2, consecutive: 3 })).toThrow(/successes/);
    expect(() => createHttpCheck({ name: 'health', url: 'http://a.example', expectBody: '/(/' })).toThrow(/regular expression/);
  });

  it('its probe wants an answer, not a good one', async () => {
    const health = await check({}, { status: 503 });
    expect((await health.probe(never)).ok).toBe(true);
    await app?.stop();
    expect((await health.probe(never)).ok).toBe(false);
  });
});
