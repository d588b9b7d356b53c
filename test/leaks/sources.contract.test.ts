import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { LEAK_SOURCES } from '../../src/app/registry.ts';
import { Secret } from '../../src/core/secret.ts';
import { createGitGuardianSource } from '../../src/leaks/gitguardian/index.ts';
import { createGitHubLeakSource } from '../../src/leaks/github/index.ts';
import { createGitHubPartnerSource } from '../../src/leaks/github-partner/index.ts';
import { createSignedLeakSource } from '../../src/leaks/signed/index.ts';
import { createTruffleHogSource } from '../../src/leaks/trufflehog/index.ts';
import { runLeakSourceContract, type LeakSourceHarness } from '../contracts/leak-source.ts';
import { github, gitguardian, partnerKeys, SECRET, signed } from './signing.ts';

const NOW = new Date('2026-03-02T12:00:00Z');
const secret = (): Secret => new Secret(SECRET);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const base = { now: NOW, timed: false, partly: null, many: 1, close: async () => undefined } as const;
const toleranceMs = 300_000;

test('every leak source is a folder, and every folder is listed', () => {
  expect(Object.keys(LEAK_SOURCES).sort()).toEqual(readdirSync(join(import.meta.dirname, '..', '..', 'src', 'leaks')).sort());
});

const alert = (action: string) => json({ action, alert: { number: 7, html_url: 'https://github.com/o/r/security/secret-scanning/7', created_at: '2026-03-02T11:59:00Z', secret_type: 'hypermemory_key' }, repository: { full_name: 'o/r' } });

runLeakSourceContract('github', async (): Promise<LeakSourceHarness> => ({
  ...base, source: createGitHubLeakSource({ name: 'github', secret, token: secret, baseUrl: 'http://127.0.0.1:9', timeoutMs: 1_000 }), carries: 'reference',
  deliver: (_values, { body } = {}) => github(body ?? alert('created')), proofs: ['x-hub-signature-256'],
  silent: [['a ping', () => github(json({ zen: 'Keep it logically awesome.' }), { event: 'ping' })], ['an alert that is resolved', () => github(alert('resolved'))], ['a push', () => github(json({}), { event: 'push' })]],
}));

runLeakSourceContract('github-partner', async (): Promise<LeakSourceHarness> => {
  const keys = await partnerKeys();
  const server = createServer((_request, response) => response.end(JSON.stringify({ public_keys: [{ key_identifier: 'abc', key: keys.pem, is_current: true }] })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...base, source: createGitHubPartnerSource({ name: 'partner', keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, timeoutMs: 2_000 }), carries: 'value', many: 500,
    async deliver(values, { body = json(values.map((token) => ({ token, type: 'hypermemory_key', url: 'https://github.com/o/r/blob/main/.env', source: 'content' }))) } = {}) {
      return { body, headers: { 'github-public-key-identifier': 'abc', 'github-public-key-signature': await keys.sign(body) } };
    },
    proofs: ['github-public-key-identifier', 'github-public-key-signature'],
    silent: [['no match', async () => ({ body: json([]), headers: {} })]],
    partly: async () => ({ body: json([{ token: 'x'.repeat(40), type: 't', url: '' }, { type: 't' }]), headers: {} }),
    close: async () => void server.close(),
  };
});

const incident = (action: string, more = {}) => json({ source: 'GitGuardian', timestamp: '2026-03-02T12:00:00.1Z', action, incident: { id: 1, date: '2026-03-02T11:58:00Z', hmsl_hash: 'a'.repeat(64), gitguardian_url: 'https://dashboard.gitguardian.com/workspace/1/incidents/1', ...more } });

runLeakSourceContract('gitguardian', async (): Promise<LeakSourceHarness> => ({
  ...base, source: createGitGuardianSource({ name: 'gitguardian', secret, toleranceMs }), carries: 'hash', timed: true,
  deliver: (_values, { body = incident('incident_triggered'), at = NOW } = {}) => gitguardian(body, at), proofs: ['gitguardian-signature', 'timestamp'],
  silent: [['one that is resolved', () => gitguardian(incident('incident_resolved'), NOW)], ['one that is assigned', () => gitguardian(incident('incident_assigned'), NOW)]],
}));

runLeakSourceContract('signed', async (): Promise<LeakSourceHarness> => ({
  ...base, source: createSignedLeakSource({ name: 'scanner', secret, toleranceMs }), carries: 'value', timed: true, many: 500,
  deliver: (values, { body = json({ leaks: values.map((value) => ({ value, url: 'https://example.com/x', foundAt: NOW.toISOString() })) }), at = NOW } = {}) => signed(body, at),
  proofs: ['x-keyturn-signature'], silent: [['an empty list', () => signed(json({ leaks: [] }), NOW)]],
  partly: () => signed(json({ leaks: [{ value: 'x'.repeat(40) }, { url: 'https://example.com' }] }), NOW),
}));

const finding = (value: string): string => JSON.stringify({ SourceMetadata: { Data: { Git: { commit: 'fbc1430', file: 'keys', repository: 'https://github.com/o/r', timestamp: '2022-06-16 10:17:40 -0700 PDT', line: 4 } } }, DetectorName: 'CustomRegex', Verified: false, Raw: value, RawV2: '' });

runLeakSourceContract('trufflehog', async (): Promise<LeakSourceHarness> => ({
  ...base, source: createTruffleHogSource({ name: 'trufflehog' }), carries: 'value', many: 500, proofs: [],
  deliver: async (values, { body = Buffer.from(values.map(finding).join('\n')) } = {}) => ({ body, headers: {} }),
  silent: [['nothing found', async () => ({ body: Buffer.from('\n\n'), headers: {} })]],
  partly: async () => ({ body: Buffer.from(`${finding('x'.repeat(40))}\n🐷🔑🐷  TruffleHog. Unearth your secrets.\n`), headers: {} }),
}));
