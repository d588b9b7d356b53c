import { format, inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { HiddenKey } from '../../src/client/hidden-key.ts';
import { KeyRing, KeySourceError, type KeyReading, type KeyRingEvent, type KeyRingOptions } from '../../src/client/index.ts';
import { startApi } from './api.ts';

const PRIMARY = 'hm_live_canary_primary_4b1d';
const BACKUP = 'hm_live_canary_backup_77aa';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** Every way in which a value usually ends up as text, as far down as it goes. */
function printed(value: unknown): string {
  const deep = inspect(value, { depth: Infinity, showHidden: true, getters: true });
  const error = value instanceof Error ? `${value.message} ${value.stack ?? ''} ${inspect(value.cause)}` : '';
  return [deep, format('%s %o %j', value, value, value), JSON.stringify(value), String(value), error].join('\n');
}

function expectNoKey(...values: unknown[]): void {
  const text = values.map(printed).join('\n');
  for (const key of [PRIMARY, BACKUP, 'canary']) expect(text).not.toContain(key);
}

function ringOf(getter: () => KeyReading, options: KeyRingOptions = {}): { ring: KeyRing; events: KeyRingEvent[] } {
  const events: KeyRingEvent[] = [];
  const ring = KeyRing.fromValues(getter, { minRefreshMs: 0, onEvent: (event) => events.push(event), ...options });
  opened.push(() => ring.close());
  return { ring, events };
}

describe('no key is ever printed', () => {
  it('not by the wrapper itself', () => {
    const key = new HiddenKey(PRIMARY);
    expectNoKey(key, { deep: [{ key }] }, new Map([[key, key]]), new Error('with cause', { cause: key }));
    expect(key.reveal()).toBe(PRIMARY);
  });

  it('not by a ring, its fetch, its status, its events or a response', async () => {
    const server = await startApi([BACKUP]);
    opened.push(() => server.stop());
    const { ring, events } = ringOf(() => ({ primary: PRIMARY, backup: BACKUP, version: 'v1' }), { baseUrl: server.url });
    const response = await ring.fetch('/');
    expect([response.status, server.keysSeen()]).toEqual([200, [PRIMARY, BACKUP]]);
    expectNoKey(ring, { ring }, ring.fetch, ring.status(), events, response);
    expect(inspect(ring)).toBe('KeyRing <key getter>');
  });

  it('not by the error of a request that fails on the way', async () => {
    const server = await startApi([PRIMARY], (_path, response) => response.destroy() !== undefined);
    opened.push(() => server.stop());
    const { ring } = ringOf(() => ({ primary: PRIMARY }), { baseUrl: server.url });
    const error = await ring.fetch(new Request(`${server.url}/x`)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(server.keysSeen()).toEqual([PRIMARY]);
    expectNoKey(error);
  });

  it.each([`${PRIMARY}\nx: y`, `${PRIMARY} `, `${PRIMARY}ü`, ''])('not by a value that no header can carry, which fetch itself would quote (%#)', async (primary) => {
    const { ring, events } = ringOf(() => ({ primary }));
    const error = await ring.fetch('/').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'KeyRingError', code: 'no-key' });
    expect(events).toEqual([expect.objectContaining({ type: 'problem', code: 'bad-key' })]);
    expectNoKey(error, events, ring.status());
  });

  it('not by a source that throws its value, in the message or the cause', async () => {
    const { ring, events } = ringOf(() => {
      throw new RangeError(`cannot parse ${PRIMARY}`, { cause: BACKUP });
    });
    const error = await ring.ready().catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('(RangeError)');
    expectNoKey(error, events, ring.status());
  });
});

describe('problems of a source', () => {
  it('a message of a KeySourceError is for people', async () => {
    const { ring } = ringOf(() => {
      throw new KeySourceError('unreadable', 'The vault is sealed. Unseal it.');
    });
    await expect(ring.ready()).rejects.toThrow('The vault is sealed. Unseal it.');
  });

  it('a backup that cannot be sent is told, and the primary is used', async () => {
    const { ring, events } = ringOf(() => ({ primary: PRIMARY, backup: 'two words' }), { fetch: async () => new Response('sent') });
    expect(await (await ring.fetch('/')).text()).toBe('sent');
    expect(events).toContainEqual(expect.objectContaining({ type: 'problem', code: 'bad-key' }));
    expect(ring.status()).toMatchObject({ using: 'primary', hasBackup: false });
  });

  it('a listener that throws breaks no request', async () => {
    const warned = new Promise((resolve) => {
      process.once('warning', resolve);
    });
    const ring = KeyRing.fromValues(() => ({ primary: PRIMARY }), {
      fetch: async () => new Response('sent'),
      onEvent: () => {
        throw new Error(PRIMARY);
      },
    });
    opened.push(() => ring.close());
    expect(await (await ring.fetch('/')).text()).toBe('sent');
    expectNoKey(await warned);
  });
});
