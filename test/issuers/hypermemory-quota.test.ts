/** What a service may answer about usage: only what is surely a number is counted with. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_FIELDS } from '../../src/issuers/hypermemory/index.ts';
import { quotasIn } from '../../src/issuers/hypermemory/quota.ts';
import { scripted } from './scripted-service.ts';

const QUERIES = { current: 90, limit: 100, percentage: 90 };
const PERIOD = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' };
const period = { start: new Date(PERIOD.start), end: new Date(PERIOD.end) };

describe('the answer of GET /v1/usage', () => {
  test.each([
    ['as documented', { queries: QUERIES, nodes: { current: 5, limit: 10 }, billing_period: PERIOD }, [{ what: 'queries', current: 90, limit: 100, period }, { what: 'nodes', current: 5, limit: 10, period: null }]],
    ['an unlimited plan', { queries: { current: 90, limit: null }, billing_period: PERIOD }, [{ what: 'queries', current: 90, limit: null, period }]],
    ['no period', { queries: QUERIES }, [{ what: 'queries', current: 90, limit: 100, period: null }]],
    ['a period that ends before it begins', { queries: QUERIES, billing_period: { start: PERIOD.end, end: PERIOD.start } }, [{ what: 'queries', current: 90, limit: 100, period: null }]],
    ['a period of no instants', { queries: QUERIES, billing_period: { start: 'March', end: {} } }, [{ what: 'queries', current: 90, limit: 100, period: null }]],
    ['numbers as text', { queries: { current: '90', limit: '100' } }, []],
    ['less than nothing', { queries: { current: -1, limit: 100 } }, []],
    ['no limit at all: that is not the same as unlimited', { queries: { current: 90 } }, []],
    ['something else', ['usage'], []],
    ['nothing', null, []],
  ] as const)('%s', (_what, json, expected) => {
    expect(quotasIn(json, DEFAULT_FIELDS)).toEqual(expected);
  });

  test.each([
    [404, { detail: 'not here' }, null],
    [403, { error: { code: 'FORBIDDEN' } }, null],
    [401, { error: { code: 'UNAUTHORIZED', message: 'no such key' } }, 'ISSUER_DENIED'],
    [429, { detail: 'slow down' }, 'ISSUER_RATE_LIMITED'],
    [503, { detail: 'later' }, 'ISSUER_UNAVAILABLE'],
    [404, '<html>not found</html>', 'ISSUER_BAD_ANSWER'],
  ] as const)('status %d %j: %s', async (status, body, code) => {
    const service = await scripted(() => ({ status, body }));
    const asked = service.issuer().quota?.(AbortSignal.timeout(5_000));
    await (code === null ? expect(asked).resolves.toBeNull() : expect(asked).rejects.toMatchObject({ code }));
    await service.close();
  });
});
