import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLogger } from '../../src/log/index.ts';
import type { LoggerOptions } from '../../src/log/index.ts';
import type { Log } from '../../src/ports/log.ts';

function recorded(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ level: 'trace', destination: { write: (line) => lines.push(line) }, ...options });
  return { logger, lines, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, never> };
}

const plainValue = `hm_live_${'4c'.repeat(16)}`;
const awkwardValue = 'p@ss "word" \\ with+slash/äöü%&=?';
const plain = new Secret(plainValue);
const awkward = new Secret(awkwardValue);

/** A value in every form in which a library might print it. */
function forms(value: string): Record<string, string> {
  const json = JSON.stringify(value).slice(1, -1);
  const twice = JSON.stringify(JSON.stringify({ value }));
  return {
    raw: value,
    'in a sentence': `the key ${value}, it said`,
    'JSON once': `{"key":"${json}"}`,
    'JSON twice': twice,
    'JSON thrice': JSON.stringify(twice),
    'URL-encoded': `https://x.example/?key=${encodeURIComponent(value)}&b=1`,
    'URL-encoded in lower case': `https://x.example/?key=${encodeURIComponent(value).replaceAll(/%../g, (hex) => hex.toLowerCase())}`,
    'URL-encoded twice': encodeURIComponent(encodeURIComponent(value)),
    'in the user part of a URL': `https://user:${encodeURIComponent(value)}@x.example/`,
    base64: Buffer.from(value).toString('base64'),
    'base64 for URLs': Buffer.from(value).toString('base64url'),
    'basic authentication': `Basic ${Buffer.from(`someone:${value}`).toString('base64')}`,
    'basic authentication, shifted': `Basic ${Buffer.from(`ab:${value}:more`).toString('base64')}`,
    hex: Buffer.from(value).toString('hex'),
  };
}

/** What a reader of the log could get a value out of, whatever its wrapping. */
function traces(value: string): string[] {
  return [...Object.values(forms(value)).map((form) => form.replace(/^Basic /, '')), value.slice(0, -1)];
}

const places: Record<string, (log: ReturnType<typeof recorded>['logger'], text: string) => void> = {
  message: (log, text) => log.info(text),
  'message with arguments': (log, text) => log.info('got %s and %o', text, { text }),
  field: (log, text) => log.info({ header: text }, 'x'),
  'name of a field': (log, text) => log.info({ [text]: 1 }, 'x'),
  'deep field': (log, text) => log.info({ a: [{ b: { c: [{ d: { e: text } }] } }] }, 'x'),
  'field of a child': (log, text) => log.child({ credential: text }).info('x'),
  'field of a grandchild': (log, text) => log.child({ a: { b: text } }).child({ c: [text] }).info('x'),
  error: (log, text) => log.error(new Error(text)),
  'error field': (log, text) => log.error({ err: new Error(text) }, 'x'),
  'error under another name': (log, text) => log.error({ deep: { failure: new TypeError(text) } }, 'x'),
  'cause of a cause': (log, text) => log.error({ err: new KeyturnError('INTERNAL', 'outer', { cause: new Error('middle', { cause: new Error(text) }) }) }, 'x'),
  'cause that is no error': (log, text) => log.error({ err: new Error('outer', { cause: { response: { body: text } } }) }, 'x'),
  'todo of a KeyturnError': (log, text) => log.error(new KeyturnError('STORE_DENIED', 'no', { todo: text })),
  'aggregate error': (log, text) => log.error(new AggregateError([new Error(text)], 'several')),
  stack: (log, text) => log.error(Object.assign(new Error('x'), { stack: `Error: ${text}\n    at here (${text})` })),
  URL: (log, text) => log.info({ url: new URL(`https://x.example/?q=${encodeURIComponent(text)}`) }, 'x'),
  Map: (log, text) => log.info({ map: new Map([[text, new Map([['k', text]])]]) }, 'x'),
  Set: (log, text) => log.info({ set: new Set([text]) }, 'x'),
  buffer: (log, text) => log.info({ bytes: Buffer.from(text), view: new TextEncoder().encode(text) }, 'x'),
  'toJSON of its own': (log, text) => log.info({ it: { toJSON: () => ({ text }) } }, 'x'),
};

describe.each([false, true])('a secret in the log (pretty: %s)', (pretty) => {
  it.each(Object.keys(places))('does not get out as %s, in any form', (place) => {
    for (const value of [plainValue, awkwardValue]) {
      for (const [form, text] of Object.entries(forms(value))) {
        const { logger, text: output } = recorded({ pretty });
        places[place]?.(logger, text);
        expect(output(), `${place}, ${form}`).not.toBe('');
        for (const trace of traces(value)) expect(output(), `${place}, ${form}`).not.toContain(trace);
      }
    }
  });

  it('is never printed by its own wrapper', () => {
    const { logger, text } = recorded({ pretty });
    logger.info({ plain, awkward, deep: [{ plain }] }, `${String(plain)} ${inspect(awkward)}`);
    expect(text()).toContain('[secret]');
    for (const trace of [...traces(plainValue), ...traces(awkwardValue)]) expect(text()).not.toContain(trace);
  });
});

describe('log', () => {
  it('leaves what is no secret as it is, and every line is JSON', () => {
    const { logger, last } = recorded();
    const fields = { rotation: '01JABCDEFGHJKMNPQRSTVWXYZ0', path: 'C:\\new\\table', url: 'https://x.example/a%20b?c=%7B%7D', digest: 'a3'.repeat(32), n: 1.5, quote: 'she said "no"' };
    logger.info(fields, 'staged → verified');
    expect(last()).toMatchObject({ ...fields, level: 'info', msg: 'staged → verified' });
  });

  it('stays one JSON object a line after scrubbing', () => {
    const { logger, last, lines } = recorded();
    logger.info({ a: `"${awkwardValue}"`, b: JSON.stringify({ v: awkwardValue }), c: JSON.stringify(JSON.stringify([awkwardValue])) }, `x\n${awkwardValue}\ny`);
    expect(lines).toHaveLength(1);
    expect(Object.keys(last())).toEqual(expect.arrayContaining(['level', 'time', 'a', 'b', 'c', 'msg']));
  });

  it('names credential, rotation and key on each line of a child', () => {
    const { logger, last } = recorded();
    logger.child({ credential: 'prod-api-server', rotation: '01J', key: 'key_2' }).info({ to: 'staged' }, 'moved');
    expect(last()).toMatchObject({ credential: 'prod-api-server', rotation: '01J', key: 'key_2', to: 'staged' });
  });

  it('tells of an expected error its code, sentence and causes, without a stack', () => {
    const { logger, last } = recorded();
    const cause = Object.assign(new Error('connect failed', { cause: new Error('deep') }), { code: 'ECONNREFUSED' });
    logger.warn({ err: new KeyturnError('STORE_UNAVAILABLE', 'The store does not answer.', { todo: 'Start it.', cause }) }, 'waits');
    expect(last()['err']).toEqual({
      name: 'KeyturnError',
      code: 'STORE_UNAVAILABLE',
      message: 'The store does not answer. Start it.',
      cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect failed', cause: { name: 'Error', message: 'deep' } },
    });
  });

  it('gives a stack for a defect', () => {
    const { logger, last } = recorded();
    logger.error(new KeyturnError('INTERNAL', 'That can not be.'));
    expect(last()['err']).toMatchObject({ code: 'INTERNAL', stack: expect.stringContaining('log.test') });
    logger.error(new TypeError('x is undefined'));
    expect(last()['err']).toMatchObject({ name: 'TypeError', stack: expect.stringContaining('log.test') });
  });

  it('survives causes that go round in circles', () => {
    const { logger, lines } = recorded();
    const error = new Error('round');
    error.cause = error;
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    logger.error({ err: error, circle }, 'x');
    expect(lines).toHaveLength(1);
  });

  it('keeps to its level', () => {
    const { logger, lines } = recorded({ level: 'warn' });
    logger.info('no');
    logger.warn('yes');
    expect(lines).toHaveLength(1);
  });

  it('is a Log for those who know only the port', () => {
    const { logger, last } = recorded();
    const log: Log = logger;
    log.child({ credential: 'a' }).info({ n: 1 }, 'm');
    expect(last()).toMatchObject({ credential: 'a', n: 1, msg: 'm' });
  });

  it('reads well for people', () => {
    const { logger, text } = recorded({ pretty: true });
    logger.error({ credential: 'prod', err: new KeyturnError('STORE_DENIED', 'The store refuses.', { cause: new Error('403') }) }, 'rotation waits');
    // oxlint-disable-next-line no-control-regex -- colours
    const bare = text().replaceAll(/\u001B\[\d+m/g, '');
    expect(bare).toMatch(/^\d\d:\d\d:\d\d error rotation waits credential=prod\n +STORE_DENIED: The store refuses\.\n +because: 403\n$/);
  });
});
