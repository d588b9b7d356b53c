/** Which scope a request asks for, and which scopes would do: only what is documented is known. */
import { describe, expect, test } from 'vitest';
import { enough } from '../../src/issuers/hypermemory/index.ts';
import { needsOf } from '../../src/issuers/hypermemory/needs.ts';
import { settle, type HyperMemoryOptions } from '../../src/issuers/hypermemory/settings.ts';

const needOf = (more: Partial<HyperMemoryOptions> = {}) => needsOf(settle({ name: 'hm', baseUrl: 'https://api.example.com', adminKey: () => Promise.reject(new Error('not asked for')), generation: 1, timeoutMs: 1, listLagMs: 0, ...more }));

describe('what a request asks of a key', () => {
  test.each([
    ['GET', '/api/v1/memory/overview', 'memory:read', 'member'],
    ['POST', '/api/v1/memory/recall', 'memory:read', 'member'],
    ['GET', '/api/v1/memory/relationships/node-1', 'memory:read', 'member'],
    ['GET', '/api/v1/memory/health', 'memory:read', 'member'],
    ['POST', '/api/v1/memory/store', 'memory:write', 'owner'],
    ['POST', '/api/v1/memory/update', 'memory:write', 'owner'],
    ['POST', '/api/v1/memory/forget', 'memory:write', 'owner'],
    ['POST', '/api/v1/memory/relationships', 'memory:write', 'owner'],
    ['GET', '/v1/api-keys', 'memory:admin', null],
    ['POST', '/v1/api-keys', 'memory:admin', null],
    ['DELETE', '/v1/api-keys/key_7', 'memory:admin', null],
    ['GET', '/v1/audit-log', 'memory:admin', null],
    ['get', '/api/v1/memory/overview/?x=/api/v1/memory/store#y', 'memory:read', 'member'],
    ['POST', '/mcp', null, null],
    ['GET', '/v1/usage', null, null],
    ['PUT', '/api/v1/memory/store', null, null],
    ['GET', '/api/v1/memory/store', null, null],
    ['DELETE', '/v1/api-keys/key_7/more', null, null],
    ['DELETE', '/v1/api-keys/', null, null],
    ['GET', '/v2/api/v1/memory/overview', null, null],
    ['GET', '/api/v1/memory/Overview', null, null],
    ['GET', 'https://api.example.com/api/v1/memory/overview', null, null],
    ['', '', null, null],
    ['GET', `/${'/'.repeat(100_000)}x`, null, null],
  ] as const)('%s %s: %s, or of the second generation %s', (method, path, first, second) => {
    expect([needOf()(method, path), needOf({ generation: 2 })(method, path)]).toEqual([first, second]);
  });

  test('goes by the paths as configured, and by what stands before them in the base', () => {
    const needs = needOf({ baseUrl: 'https://gateway.example.com/hm/', paths: { overview: 'v2/memory/look', store: '/v2/memory/put', key: '/v2/keys/{key_id}/gone' } });
    const of = (method: string, path: string) => needs(method, path);
    expect([of('GET', '/v2/memory/look'), of('GET', '/hm/v2/memory/look'), of('POST', '/v2/memory/put'), of('POST', '/v2/memory/update'), of('DELETE', '/hm/v2/keys/a.b/gone')])
      .toEqual(['memory:read', 'memory:read', 'memory:write', 'memory:write', 'memory:admin']);
    expect([of('GET', '/api/v1/memory/overview'), of('POST', '/api/v1/memory/store'), of('POST', '/hm/hm/v2/memory/put')]).toEqual([null, null, null]);
  });
});

const asked = (...needs: readonly string[]) => needs.map((need) => ({ need, refused: false }));
const refused = (...needs: readonly string[]) => needs.map((need) => ({ need, refused: true }));

describe('the least scopes that would have done', () => {
  test.each([
    ['write that only reads', ['memory:write'], asked('memory:read'), ['memory:read']],
    ['write that wrote once', ['memory:write'], asked('memory:read', 'memory:write'), 'all'],
    ['admin that writes', ['memory:admin'], asked('memory:write'), ['memory:write']],
    ['admin and write that read', ['memory:admin', 'memory:write'], asked('memory:read'), ['memory:read']],
    ['write and read, which is no more than write', ['memory:write', 'memory:read'], asked('memory:write'), 'all'],
    ['read has nothing below it', ['memory:read'], asked(), 'all'],
    ['an owner that reads', ['owner'], asked('member'), ['member']],
    ['an owner that writes', ['owner'], asked('member', 'owner'), 'all'],
    ['a member', ['member'], asked('member'), 'all'],
    ['refused beyond what it has: it does without', ['memory:write'], [...asked('memory:read'), ...refused('memory:admin')], ['memory:read']],
    ['refused within what it has: a plan’s limit, and a need', ['memory:write'], [...asked('memory:read'), ...refused('memory:write')], 'all'],
    ['allowed beyond what it has: then the table is wrong', ['memory:write'], asked('memory:read', 'memory:admin'), null],
    ['needs of the other generation', ['memory:write'], asked('member'), null],
    ['scopes of both', ['memory:write', 'owner'], asked('memory:read'), null],
    ['scopes that nobody knows', ['memory:everything'], asked('memory:read'), null],
    ['no scopes at all', [], asked('memory:read'), null],
  ])('%s', (_what, granted, needs, expected) => {
    expect(enough(granted, needs)).toEqual(expected === 'all' ? granted : expected);
  });
});
