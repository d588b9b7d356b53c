import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { createHttpHook } from '../../src/hooks/http/index.ts';
import type { HttpHookOptions } from '../../src/hooks/http/index.ts';
import type { HookEvent } from '../../src/ports/check.ts';
import { startAnswers } from '../support/answers.ts';
import type { Answers, Reply } from '../support/answers.ts';

const secret = new Secret('shared-hook-secret-577215');
const event: HookEvent = { event: 'promoted', credential: 'prod-api-server', rotationId: '01JR', id: '01JD' };
const never = new AbortController().signal;

function unresolved(): Secret {
  throw new KeyturnError('REFERENCE_UNRESOLVED', 'HOOK_SECRET is not set.');
}

describe('http hook', () => {
  let app: Answers | undefined;
  afterEach(async () => {
    await app?.stop();
    app = undefined;
  });

  async function hook(options: Partial<HttpHookOptions>, ...replies: Reply[]) {
    app = await startAnswers(...replies);
    return createHttpHook({ name: 'reload', url: app.url, secret: () => secret, intervalMs: 5, timeoutMs: 500, ...options });
  }

  it('posts the event with a signature that the receiver can verify, and no value', async () => {
    await (await hook({}, { status: 202 })).run(event, never);
    const [asked] = app?.asked ?? [];
    expect(JSON.parse(asked?.body ?? '')).toEqual(event);
    expect(asked?.headers['x-keyturn-delivery']).toBe(event.id);
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(asked?.headers['x-keyturn-signature'])) ?? [];
    expect(v1).toBe(createHmac('sha256', secret.reveal()).update(`${t}.${asked?.body}`).digest('hex'));
    expect(Math.abs(Number(t) - Date.now() / 1_000)).toBeLessThan(5);
    expect(JSON.stringify(app?.asked)).not.toContain(secret.reveal());
  });

  it.each([
    ['an error of the receiver', { status: 500 }],
    ['a lost answer', { fault: 'cut' }],
    ['a slow receiver', { fault: 'hang' }],
    ['a busy receiver', { status: 429 }],
  ] as [string, Reply][])('repeats the same delivery after %s', async (_, reply) => {
    await (await hook({ timeoutMs: 200 }, reply, { status: 200 })).run(event, never);
    expect(app?.asked.map((asked) => asked.headers['x-keyturn-delivery'])).toEqual([event.id, event.id]);
  });

  it('fails after its attempts with what it saw', async () => {
    const failed = (await hook({ attempts: 2 }, { status: 503 })).run(event, never);
    await expect(failed).rejects.toThrow(KeyturnError);
    await expect(failed).rejects.toMatchObject({ code: 'HOOK_FAILED', message: expect.stringContaining('answered 503') });
    expect(app?.asked).toHaveLength(2);
  });

  it.each([{ status: 401 }, { status: 302, headers: { location: 'https://elsewhere.example/' } }])('does not repeat what %j will not change', async (reply) => {
    await expect((await hook({}, reply)).run(event, never)).rejects.toMatchObject({ code: 'HOOK_FAILED' });
    expect(app?.asked).toHaveLength(1);
  });

  it('stops at once when told to', async () => {
    const stop = new AbortController();
    const run = (await hook({ attempts: 50, timeoutMs: 10_000 }, { fault: 'hang' })).run(event, stop.signal);
    setTimeout(() => stop.abort(new Error('shutting down')), 50);
    await expect(run).rejects.toThrow('shutting down');
  });

  it('says at once when its secret can not be read', async () => {
    const broken = await hook({ secret: unresolved }, {});
    await expect(broken.run(event, never)).rejects.toMatchObject({ code: 'REFERENCE_UNRESOLVED' });
    expect(await broken.probe(never)).toMatchObject({ ok: false, detail: 'HOOK_SECRET is not set.' });
    expect(app?.asked).toHaveLength(0);
  });

  it('its probe triggers nothing', async () => {
    expect((await (await hook({}, { status: 405 })).probe(never)).ok).toBe(true);
    expect(app?.asked.map((asked) => [asked.method, asked.headers['x-keyturn-signature']])).toEqual([['HEAD', undefined]]);
  });
});
