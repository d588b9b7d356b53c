/** Recorded examples of each format's documentation, and signatures that others made. */
import { expect, test } from 'vitest';
import { leakDetail, leakPlace } from '../../src/core/leak.ts';
import { Secret } from '../../src/core/secret.ts';
import { leakHash } from '../../src/app/leak-matching.ts';
import { createPublicKeys } from '../../src/leaks/github-partner/keys.ts';
import { createGitGuardianSource } from '../../src/leaks/gitguardian/index.ts';
import { createGitHubLeakSource } from '../../src/leaks/github/index.ts';
import { createGitHubPartnerSource } from '../../src/leaks/github-partner/index.ts';
import { createSignedLeakSource } from '../../src/leaks/signed/index.ts';
import { createTruffleHogSource } from '../../src/leaks/trufflehog/index.ts';
import { answering } from './answering.ts';
import { github, partnerKeys, SECRET } from './signing.ts';

const signal = AbortSignal.timeout(60_000);
const NOW = new Date('2026-03-02T12:00:00Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);
const form = (payload: string): Buffer => Buffer.from(`payload=${encodeURIComponent(payload).replaceAll('%20', '+')}`);
const outcome = (work: Promise<void> | undefined): Promise<unknown> | undefined => work?.then(() => 'verified', (error: { code: string }) => error.code);

test('github: the signature of its documentation', async () => {
  const source = createGitHubLeakSource({ name: 'g', secret: () => new Secret("It's a Secret to Everybody"), token: () => new Secret('unused-token'), baseUrl: 'https://api.github.com', timeoutMs: 1_000 });
  const given = (body: string) => outcome(source.verify?.({ body: Buffer.from(body), headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' } }, async () => NOW, signal));
  expect([await given('Hello, World!'), await given('Hello, World')]).toEqual(['verified', 'UNAUTHENTICATED']);
});

test('github: the same event as JSON and as the form that a webhook sends unless told otherwise', async () => {
  const source = createGitHubLeakSource({ name: 'g', secret: () => new Secret(SECRET), token: () => new Secret('unused-token'), baseUrl: 'https://api.github.com', timeoutMs: 1_000 });
  const text = JSON.stringify({ action: 'created', alert: { number: 42, html_url: 'https://github.com/a/b/security/secret-scanning/42?c=d&e=f', secret_type: 'mine + yours' }, repository: { full_name: 'a/b' } });
  const read = async (body: Buffer, type: string) => {
    const delivery = await github(body);
    const sent = { ...delivery, headers: { ...delivery.headers, 'content-type': type } };
    await source.verify?.(sent, async () => NOW, signal);
    return source.read(sent);
  };
  const asJson = await read(Buffer.from(text), 'application/json');
  expect(asJson.leaks).toMatchObject([{ detail: 'mine + yours', url: expect.stringContaining('e=f') }]);
  expect(await read(form(text), 'application/x-www-form-urlencoded')).toEqual(asJson);
  await expect(read(Buffer.from('other=1'), 'application/x-www-form-urlencoded')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(read(form('{'), 'application/x-www-form-urlencoded')).rejects.toMatchObject({ code: 'USAGE' });
});

test('github-partner: a delivery of the programme, signed by GitHub’s own key as PyPI keeps it', async () => {
  const identifier = '90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a';
  const key = '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==\n-----END PUBLIC KEY-----';
  const server = await answering(() => ({ status: 200, body: { public_keys: [{ key_identifier: identifier, key, is_current: true }] } }));
  const source = createGitHubPartnerSource({ name: 'p', keysUrl: server.url, timeoutMs: 2_000 });
  const body = Buffer.from('[{"type":"github_oauth_token","token":"cb4985f91f740272c0234202299f43808034d7f5","url":" https://github.com/github/faketestrepo/blob/b0dd59c0b500650cacd4551ca5989a6194001b10/production.env"}]');
  const headers = { 'github-public-key-identifier': identifier, 'github-public-key-signature': 'MEQCIAfgjgz6Ou/3DXMYZBervz1TKCHFsvwMcbuJhNZse622AiAG86/cku2XdcmFWNHl2WSJi2fkE8t+auvB24eURaOd2A==' };
  expect(await outcome(source.verify?.({ body, headers }, async () => NOW, signal))).toBe('verified');
  expect(await outcome(source.verify?.({ body: Buffer.concat([body, Buffer.from('\n')]), headers }, async () => NOW, signal))).toBe('UNAUTHENTICATED');
  expect(source.read({ body, headers }).leaks).toEqual([{ secret: { kind: 'value', value: 'cb4985f91f740272c0234202299f43808034d7f5' }, url: expect.stringContaining('production.env'), foundAt: null, detail: 'github_oauth_token' }]);
  await server.close();
});

test('github-partner: an identifier that does not exist has GitHub asked once in half a minute, and one that is new is found after that', async () => {
  let asked = 0;
  const listed: unknown[] = [];
  const keys = createPublicKeys(async () => { asked += 1; return listed; });
  for (let n = 0; n < 50; n += 1) expect(await keys.of(`made-up-${n}`, at(n * 10), signal)).toBeNull();
  expect(asked).toBe(1);
  listed.push({ key_identifier: 'new', key: (await partnerKeys()).pem }, { key_identifier: 'broken', key: 'no key' }, 'rubbish');
  expect([await keys.of('new', at(1_000), signal), asked]).toEqual([null, 1]);
  expect(await keys.of('new', at(60_000), signal)).not.toBeNull();
  expect([await keys.of('broken', at(60_001), signal), asked]).toEqual([null, 2]);
});

test('github-partner: while GitHub does not answer, a key that was listed counts for a day; one that was taken back counts for an hour', async () => {
  const { pem } = await partnerKeys();
  let answer: () => Promise<readonly unknown[]> = async () => [{ key_identifier: 'k', key: pem }];
  const keys = createPublicKeys(() => answer());
  const after = (hours: number) => keys.of('k', new Date(NOW.getTime() + hours * 3_600_000), signal).then((key) => key !== null, () => 'not known');
  expect(await after(0)).toBe(true);
  answer = async () => { throw new Error('down'); };
  expect([await after(5), await after(23), await after(25)]).toEqual([true, true, 'not known']);
  answer = async () => [];
  expect(await after(26)).toBe(false);
});

test('gitguardian: the signature as another receiver tests it', async () => {
  const source = createGitGuardianSource({ name: 'g', secret: () => new Secret('foo'), toleranceMs: 60_000 });
  const given = (timestamp: string) => outcome(source.verify?.({ body: Buffer.from('bar'), headers: { timestamp, 'gitguardian-signature': 'sha256=172fe3d694b734aa53dc892fd3b8d62163fc240064de570ba006900bb54a0fc2' } }, async () => new Date(0), signal));
  expect([await given('0'), await given('1')]).toEqual(['verified', 'UNAUTHENTICATED']);
});

test('gitguardian: an incident as others have recorded it', () => {
  const source = createGitGuardianSource({ name: 'g', secret: () => new Secret('foo'), toleranceMs: 60_000 });
  const recorded = {
    source: 'GitGuardian', timestamp: '2023-12-29T17:38:06.788914Z', action: 'incident_triggered', message: 'A new incident has been detected.', target_user: 'GitGuardian',
    incident: {
      id: 1, date: '2023-12-29T17:38:06.140481Z', detector: { name: 'generic_high_entropy_secret', display_name: 'Generic High Entropy Secret', nature: 'generic', family: 'Other' },
      secret_hash: 'Ri9FjVgdOlPnBmujoxP4XPJcbe82BhJXB/SAngijw/juCISuOMgPzYhV28m6OG24', hmsl_hash: '05975add34ddc9a38a0fb57c7d3e676ffed57080516fc16bf8d8f14308fedb86', secret_revoked: false, occurrence_count: 1,
      status: 'triggered', severity: 'unknown', validity: 'no_checker', ignored_at: null, gitguardian_url: 'https://dashboard.gitguardian.com/workspace/0/incidents/1', share_url: null,
    },
  };
  const read = (value: unknown) => source.read({ body: Buffer.from(JSON.stringify(value)), headers: {} });
  expect(read(recorded)).toEqual({
    leaks: [{ secret: { kind: 'hash', hash: 'hmsl', hex: '05975add34ddc9a38a0fb57c7d3e676ffed57080516fc16bf8d8f14308fedb86' }, url: 'https://dashboard.gitguardian.com/workspace/0/incidents/1', foundAt: new Date('2023-12-29T17:38:06.140Z'), detail: 'Generic High Entropy Secret' }],
    malformed: 0,
  });
  expect(read({ ...recorded, incident: { ...recorded.incident, hmsl_hash: null } })).toEqual({ leaks: [], malformed: 1 });
});

test('the hash of HasMySecretLeaked, as Python makes it', async () => {
  const value = new Secret(`hm_live_${'0123456789abcdef'.repeat(3)}`);
  expect(await leakHash('hmsl', value)).toBe('48afee844dd3bdbe7102a20f2d7965a322b23a9cbb33b91a532d96407063343a');
  expect(await leakHash('sha256', value)).toBe('186c67f86fc3e4bcfae32f341e1593f96381066d11e4c0ebbe72ba822a8174c5');
});

test('signed: a signature that Python made', async () => {
  const source = createSignedLeakSource({ name: 's', secret: () => new Secret('shared-secret-of-the-tests'), toleranceMs: 60_000 });
  const body = Buffer.from('{"leaks":[{"value":"hm_live_abc","url":"https://example.com/x"}]}');
  const headers = { 'x-keyturn-signature': 't=1774000000,v1=aafd2fd040a577666ea67bc93ca8acfc4a0005b638ba2d5b140da6ef31faa87c' };
  expect([await outcome(source.verify?.({ body, headers }, async () => new Date(1_774_000_010_000), signal)), await outcome(source.verify?.({ body, headers }, async () => new Date(1_774_000_090_000), signal))]).toEqual(['verified', 'UNAUTHENTICATED']);
});

test('trufflehog: the finding of its documentation', () => {
  const line = '{"SourceMetadata":{"Data":{"Git":{"commit":"fbc14303ffbf8fb1c2c1914e8dda7d0121633aca","file":"keys","email":"counter \\u003ccounter@counters-MacBook-Air.local\\u003e","repository":"https://github.com/trufflesecurity/test_keys","timestamp":"2022-06-16 10:17:40 -0700 PDT","line":4}}},"SourceID":0,"SourceType":16,"SourceName":"trufflehog - git","DetectorType":2,"DetectorName":"AWS","DecoderName":"PLAIN","Verified":true,"Raw":"AKIAYVP4CIPPERUVIFXG","Redacted":"AKIAYVP4CIPPERUVIFXG","ExtraData":{"account":"595918472158"},"StructuredData":null}';
  expect(createTruffleHogSource({ name: 't' }).read({ body: Buffer.from(line), headers: {} })).toEqual({
    leaks: [{ secret: { kind: 'value', value: 'AKIAYVP4CIPPERUVIFXG' }, detail: 'AWS', url: 'https://github.com/trufflesecurity/test_keys keys line 4 commit fbc14303ffbf8fb1c2c1914e8dda7d0121633aca', foundAt: new Date('2022-06-16T17:17:40Z') }],
    malformed: 0,
  });
});

test('what is kept of a place holds neither the value nor what else an address may carry', () => {
  expect(leakPlace('https://u:p@example.com/a?key=hm_live_1/2#L4', 'hm_live_1/2')).toBe('https://example.com/a#L4');
  expect(leakPlace('https://example.com/hm_live_1%2F2/x', 'hm_live_1/2')).toBe('https://example.com/[secret]/x');
  expect(leakPlace(`logs/\u001b[2J hm_live_x\n${'y'.repeat(900)}`, 'hm_live_x')).toMatch(/^logs\/ \[2J \[secret\] y+…$/);
  expect([leakPlace(' \n', null), leakPlace(null, 'x'), leakDetail('a hm_live_x b', 'hm_live_x')]).toEqual([null, null, 'a [secret] b']);
});
