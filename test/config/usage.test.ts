import { expect, test } from 'vitest';
import { pushSources, usageDefinitions } from '../../src/config/plan.ts';
import { open, SOURCES } from '../../src/app/registry.ts';
import { Secret } from '../../src/core/secret.ts';
import { createHyperMemoryIssuer } from '../../src/issuers/hypermemory/index.ts';
import { GOOD, load, problems } from './support.ts';

const USAGE = `${GOOD}usage:
  sources:
    audit: { type: issuer, issuer: hm }
    edge: { type: access-log, path: log/access.log, format: nginx, key: { by: id, field: key } }
    prom: { type: prometheus, url: "https://prom.example.com", key: { by: id, label: key_id }, query: "x", bearer: "\${env:PROM}" }
    batch: { type: push, token: "\${env:PUSH}", key: { by: id } }
`;

test('usage sources are opened by their definitions; pushes are apart', () => {
  const { config } = load(USAGE);
  expect(config.usage.retention).toEqual({ minutes: 14 * 86_400_000, hours: 400 * 86_400_000, callers: 30 * 86_400_000 });
  expect(pushSources(config)).toMatchObject([{ name: 'batch', lateness: 120_000 }]);
  const issuer = createHyperMemoryIssuer({ name: 'hm', baseUrl: 'http://127.0.0.1:9', adminKey: () => Promise.resolve(new Secret('hm_live_x12345678')), generation: 1, timeoutMs: 1_000, listLagMs: 0 });
  const opened = usageDefinitions(config).map((definition) => open(SOURCES, definition, async () => new Secret('resolved-secret'), { issuer: () => issuer, fingerprint: String }));
  expect(opened.map(({ name, type, describe }) => [name, type, describe])).toEqual([
    ['audit', 'issuer', "issuer hm's audit log"],
    ['edge', 'access-log', 'access log /etc/keyturn/log/access.log'],
    ['prom', 'prometheus', 'Prometheus at https://prom.example.com/'],
  ]);
});

const wrong = (part: string, by: string): string => problems(USAGE.replace(part, () => by)).join('\n');

test('what no usage source can be is said', () => {
  expect(wrong('issuer: hm }\n    edge', 'issuer: hx }\n    edge')).toContain('no issuer "hx" is declared');
  expect(wrong('bearer: "${env:PROM}"', 'user: x')).toContain('without password');
  expect(wrong('field: key }', 'field: key }, pattern: "x"')).toContain('lacks a group');
  expect(wrong('    batch:', '    again: { type: issuer, issuer: hm }\n    batch:')).toContain('count twice');
});
