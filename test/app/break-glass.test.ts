/** Break glass without a process: where records go, what is no record, which keys are meant, and when a key counts as dead. */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findKey, findOfCredential } from '../../src/app/break-glass/find.ts';
import { setAside, waiting } from '../../src/app/break-glass/folder.ts';
import { keep } from '../../src/app/break-glass/keep.ts';
import { kill } from '../../src/app/break-glass/kill.ts';
import { LONGEST_RECORD, parseRecord, recordText } from '../../src/app/break-glass/text.ts';
import { examineAdminKeys } from '../../src/app/doctor-admin-keys.ts';
import { notedInstallation, noteInstallation } from '../../src/app/installation.ts';
import { planCredentials } from '../../src/config/index.ts';
import { authenticityOf, sealRecord, type BreakGlassRecord } from '../../src/core/break-glass.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { attemptName } from '../../src/core/naming.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import { Secret } from '../../src/core/secret.ts';
import type { IssuedKey, Issuer } from '../../src/ports/issuer.ts';
import { load } from '../config/support.ts';

const ROOT = new Secret('root-key-of-the-tests-0123456789abcdef');
const INTENT: BreakGlassRecord = {
  id: '01K0000000000000000000000A', issuer: 'hm', keyId: 'key_1', name: 'prod-api-kt-abc123-0123456789', prefix: 'hm_live_', credential: 'prod-api',
  who: 'cli:alice@laptop', why: 'leaked', askedAt: '2026-11-26T10:00:00.000Z', revokedAt: null, outcome: null,
};
const DONE: BreakGlassRecord = { ...INTENT, outcome: 'revoked', revokedAt: '2026-11-26T10:00:01.000Z' };
const FILE = `${INTENT.id}.json`;

let directory = '';
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'keyturn-glass-')); });
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const keeping = (parts: Partial<Parameters<typeof keep>[1]> = {}) => ({ dataDir: join(directory, 'data'), recordDir: null, here: join(directory, 'here'), rootKey: ROOT, ...parts });

describe('keeping a record', () => {

  test('the intent and then the whole of it lie in the data directory, for its owner only, and nothing else does', () => {
    mkdirSync(join(directory, 'data'));
    const first = keep(INTENT, keeping());
    expect(parseRecord(readFileSync(first.path ?? '', 'utf8'))).toMatchObject({ outcome: null, revokedAt: null });
    const second = keep(DONE, keeping());
    expect(second).toMatchObject({ path: join(directory, 'data', 'break-glass', FILE), found: true, trouble: '' });
    expect([first.path, readdirSync(join(directory, 'data', 'break-glass'))]).toEqual([second.path, [FILE]]);
    expect([statSync(second.path ?? '').mode & 0o777, statSync(join(directory, 'data', 'break-glass')).mode & 0o777]).toEqual([0o600, 0o700]);
    const read = parseRecord(readFileSync(second.path ?? '', 'utf8'));
    expect([authenticityOf(read, ROOT), read.outcome]).toEqual(['signed', 'revoked']);
  });

  test.each([
    ['is missing: no worker would look there', () => undefined, /ENOENT/],
    ['cannot be written', () => { mkdirSync(join(directory, 'data')); writeFileSync(join(directory, 'data', 'break-glass'), ''); }, /ENOTDIR|EEXIST/],
  ])('it goes into the current directory where the data directory %s', (_why, arrange, says) => {
    arrange();
    const kept = keep(DONE, keeping());
    expect(kept).toMatchObject({ path: join(directory, 'here', `keyturn-break-glass-${FILE}`), found: false, trouble: expect.stringMatching(says) });
    expect(parseRecord(readFileSync(kept.path ?? '', 'utf8'))).toMatchObject(DONE);
    expect(statSync(kept.path ?? '').mode & 0o777).toBe(0o600);
  });

  test('it goes where it is asked to go; and where nothing can be written its text is all there is', () => {
    const asked = keep(DONE, keeping({ recordDir: join(directory, 'stick') }));
    expect(asked).toMatchObject({ path: join(directory, 'stick', `keyturn-break-glass-${FILE}`), found: false, trouble: '' });
    writeFileSync(join(directory, 'here'), '');
    const nowhere = keep(DONE, keeping());
    expect([nowhere.path, parseRecord(nowhere.text)]).toEqual([null, expect.objectContaining(DONE)]);
  });

  test.skipIf(process.getuid?.() !== 0)('what root writes is whose the data directory is, so that its worker can read it', () => {
    mkdirSync(join(directory, 'data'));
    chownSync(join(directory, 'data'), 4242, 4343);
    const { path } = keep(DONE, keeping());
    expect([path ?? '', join(directory, 'data', 'break-glass')].map((one) => [statSync(one).uid, statSync(one).gid])).toEqual([[4242, 4343], [4242, 4343]]);
  });

  test('what is set aside waits no more, and drafts of a writer that died never did', () => {
    mkdirSync(join(directory, 'data'));
    expect(waiting(join(directory, 'data'))).toEqual([]);
    const { path } = keep(DONE, keeping());
    writeFileSync(join(directory, 'data', 'break-glass', `.${FILE}.abcdef`), '{');
    expect(waiting(join(directory, 'data'))).toEqual([path]);
    setAside(path ?? '');
    expect(waiting(join(directory, 'data'))).toEqual([]);
    expect(readdirSync(join(directory, 'data', 'break-glass'))).toContain(`${FILE}.taken`);
  });

  test('the installation is noted beside the ledger, follows it, and nonsense is none', () => {
    expect(notedInstallation(directory)).toBeNull();
    const fresh = join(directory, 'not', 'made');
    noteInstallation(fresh, 'abc234');
    expect([notedInstallation(fresh), statSync(fresh).mode & 0o777]).toEqual(['abc234', 0o700]);
    noteInstallation(directory, 'abc234');
    expect(notedInstallation(directory)).toBe('abc234');
    noteInstallation(directory, 'zzz999');
    expect(notedInstallation(directory)).toBe('zzz999');
    writeFileSync(join(directory, 'installation'), '../../etc\n');
    expect(notedInstallation(directory)).toBeNull();
  });
});

describe('the text of a record', () => {
  const text = recordText(sealRecord(DONE, ROOT));

  test('cut off anywhere is no record', () => {
    const whole = text.trimEnd();
    for (let length = 0; length < whole.length; length += 1) expect(() => parseRecord(whole.slice(0, length))).toThrow(expect.objectContaining({ code: 'RECORD_REFUSED' }));
    expect(parseRecord(whole)).toEqual(sealRecord(DONE, ROOT));
  });

  test.each([
    ['a field that nobody knows', { extra: 1 }],
    ['another version', { version: 2 }],
    ['another outcome', { outcome: 'alive' }],
    ['an id that is a path', { id: '../../../../etc/passwd000000' }],
    ['a name that steers a terminal', { name: 'a\u001b[2J' }],
    ['a reason of two lines', { why: 'one\ntwo' }],
    ['no key', { keyId: '' }],
    ['an hour that is none', { askedAt: 'yesterday' }],
    ['a signature of another form', { mac: 'abc' }],
    ['more than fits', { why: 'x'.repeat(LONGEST_RECORD) }],
  ])('with %s is no record', (_what, change) => {
    expect(() => parseRecord(JSON.stringify({ ...(JSON.parse(text) as object), ...change }))).toThrow(expect.objectContaining({ code: 'RECORD_REFUSED' }));
  });
});

const listedKey = (id: string, name: string, parts: Partial<IssuedKey> = {}): IssuedKey => ({ id, name, prefix: 'hm_live_', scopes: [], createdAt: null, lastUsedAt: null, live: true, space: null, environment: null, ...parts });
const down = new KeyturnError('ISSUER_UNAVAILABLE', 'hm has trouble of its own (HTTP 500).', { effect: 'unknown' });

interface Script {
  readonly list?: () => readonly IssuedKey[];
  readonly revoke?: () => 'revoked' | 'gone';
}

function issuerOf(name: string, script: Script): Issuer {
  const capabilities = { list: true, lastUse: true, immediateRevocation: true, keyLimit: null, listLagMs: 0, callTimeoutMs: 1_000 };
  return { name, type: 'hypermemory', capabilities, list: async () => script.list?.() ?? [], revoke: async () => script.revoke?.() ?? 'revoked' } as unknown as Issuer;
}

/** Answers in turn; the last one for ever. */
function inTurn<T>(...answers: readonly (T | Error)[]): () => T {
  let at = 0;
  return () => {
    const answer = answers[Math.min(at, answers.length - 1)] as T | Error;
    at += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

describe('killing a key', () => {
  const failures: string[] = [];
  const killing = (parts: Partial<Parameters<typeof kill>[2]> = {}) => ({ signal: new AbortController().signal, listedLive: true, failed: (error: string) => void failures.push(error), ...parts });
  const dead = listedKey('key_1', 'n', { live: false });
  const live = listedKey('key_1', 'n');

  test('goes on through errors until the issuer says that it is dead, and says each time that it is not', async () => {
    failures.length = 0;
    const issuer = issuerOf('hm', { list: () => [live], revoke: inTurn<'revoked'>(down, down, 'revoked') });
    expect(await kill(issuer, 'key_1', killing())).toMatchObject({ outcome: 'revoked', tries: 3, lostAnswer: true });
    expect(failures).toEqual([expect.stringContaining('HTTP 500'), expect.stringContaining('HTTP 500')]);
  });

  test('looks at the list after a lost answer: a key that died is dead, whatever a further revoke would say', async () => {
    const issuer = issuerOf('hm', { list: () => [dead], revoke: inTurn<'revoked'>(down) });
    expect(await kill(issuer, 'key_1', killing())).toMatchObject({ outcome: 'revoked', tries: 1, lostAnswer: true });
    const dropping = issuerOf('hm', { list: () => [], revoke: inTurn<'revoked'>(down) });
    expect(await kill(dropping, 'key_1', killing())).toMatchObject({ outcome: 'revoked', tries: 1 });
  });

  test('a key that was never listed is not dead because it is not listed, and never by an error', async () => {
    const issuer = issuerOf('hm', { list: () => [], revoke: inTurn<'revoked'>(down) });
    expect(await kill(issuer, 'key_1', killing({ listedLive: false, signal: AbortSignal.timeout(700) }))).toMatchObject({ outcome: 'unconfirmed', lastError: expect.stringContaining('HTTP 500') });
    const alive = issuerOf('hm', { list: () => [live], revoke: inTurn<'revoked'>(down) });
    expect(await kill(alive, 'key_1', killing({ signal: AbortSignal.timeout(700) }))).toMatchObject({ outcome: 'unconfirmed' });
  });

  test('one last look is taken when the time is over', async () => {
    const lists = inTurn<readonly IssuedKey[]>(down, [dead]);
    const issuer = issuerOf('hm', { list: lists, revoke: inTurn<'revoked'>(down) });
    expect(await kill(issuer, 'key_1', killing({ signal: AbortSignal.timeout(100) }))).toMatchObject({ outcome: 'revoked', tries: 2 });
  });

  test('stops at once where a person must act first, and says 404 as what it is', async () => {
    const denied = new KeyturnError('ISSUER_DENIED', 'hm says the admin key is invalid.', { effect: 'none', todo: 'Put a live admin key there.' });
    expect(await kill(issuerOf('hm', { revoke: inTurn<'revoked'>(denied) }), 'key_1', killing())).toMatchObject({ outcome: 'unconfirmed', tries: 1, lastError: expect.stringContaining('Put a live admin key there') });
    expect(await kill(issuerOf('hm', { revoke: inTurn<'gone'>('gone') }), 'key_1', killing())).toMatchObject({ outcome: 'gone', tries: 1, lostAnswer: false });
  });
});

const failure = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error);

const ids = (targets: readonly { keyId: string }[]): readonly string[] => targets.map(({ keyId }) => keyId);

describe('finding the keys that are meant', () => {
  const looking = { signal: new AbortController().signal, failed: () => undefined };
  const { config } = load(`
version: 1
issuers: { hm: { type: hypermemory, adminKey: '\${env:ADMIN}' }, filed: { type: hypermemory, adminKey: '\${file:/run/admin.env}' } }
stores: { env: { type: env-file } }
credentials:
  prod-api: { issuer: hm, scopes: ['memory:write'], stores: [{ store: env, path: /run/prod-api.env }] }
  prod-old: { issuer: hm, scopes: ['memory:write'], adopt: { keyId: key_old }, stores: [{ store: env, path: /run/prod-old.env }] }
  prod-api-2: { issuer: hm, keyName: prod-api, scopes: ['memory:write'], stores: [{ store: env, path: /run/two.env }] }
  admin-self: { issuer: filed, scopes: ['memory:admin'], stores: [{ store: env, path: /run/admin.env }] }
`);
  const plans = planCredentials(config).map(({ plan }) => plan);
  const planOf = (name: string): CredentialPlan => plans.find(({ credential }) => credential === name) ?? expect.fail(name);
  const alone = plans.filter(({ credential }) => credential !== 'prod-api-2');
  const ours = listedKey('key_ours', attemptName('prod-api', 'abc234', 'R1', 1));
  const theirs = listedKey('key_theirs', attemptName('prod-api', 'zzz999', 'R1', 1));
  const old = listedKey('key_old', 'made-by-hand');
  const issuer = issuerOf('hm', { list: () => [ours, theirs, old, listedKey('key_dead', attemptName('prod-api', 'abc234', 'R0', 1), { live: false }), listedKey('key_web', attemptName('prod-api-web', 'abc234', 'R1', 1))] });

  test('a credential\'s are those that this installation made for it, alive; those of others are named and left', async () => {
    const found = await findOfCredential(issuer, planOf('prod-api'), alone, 'abc234', looking);
    expect([ids(found.targets), ids(found.others)]).toEqual([['key_ours'], ['key_theirs']]);
  });

  test('without knowing the installation none of them is ours', async () => {
    const found = await findOfCredential(issuer, planOf('prod-api'), alone, null, looking);
    expect([ids(found.targets), ids(found.others)]).toEqual([[], ['key_ours', 'key_theirs']]);
  });

  test('the key that the configuration adopts is meant too', async () => {
    expect(ids((await findOfCredential(issuer, planOf('prod-old'), alone, null, looking)).targets)).toEqual(['key_old']);
  });

  test('names that two credentials share tell nothing', async () => {
    expect(await failure(findOfCredential(issuer, planOf('prod-api'), plans, 'abc234', looking))).toMatchObject({ code: 'USAGE', effect: 'none', message: expect.stringContaining('prod-api-2') });
  });

  test('an id that two issuers list alive wants a choice; one that is dead elsewhere does not', async () => {
    const second = issuerOf('second', { list: () => [ours] });
    expect(await failure(findKey([issuer, second], 'key_ours', looking))).toMatchObject({ code: 'USAGE', todo: expect.stringContaining('--issuer hm') });
    const buried = issuerOf('second', { list: () => [{ ...ours, live: false }] });
    expect((await findKey([buried, issuer], 'key_ours', looking)).issuer.name).toBe('hm');
  });

  test('an issuer that is down keeps nobody from the one that lists the key', async () => {
    const broken = issuerOf('broken', { list: inTurn<never>(down) });
    expect(await findKey([broken, issuer], 'key_ours', looking)).toMatchObject({ issuer: { name: 'hm' }, key: { id: 'key_ours' } });
    expect(await findKey([broken], 'key_ours', looking)).toMatchObject({ issuer: { name: 'broken' }, key: null });
    expect(await failure(findKey([broken, issuer], 'key_none', { ...looking, signal: AbortSignal.timeout(1_500) }))).toMatchObject({ code: 'ISSUER_UNAVAILABLE', todo: expect.stringContaining('--issuer broken') });
  });

  test('an issuer that cannot even be asked is not asked again and again, where it is the only one', async () => {
    const unset = new KeyturnError('REFERENCE_UNRESOLVED', 'ADMIN is not set.', { effect: 'none' });
    const unaskable = issuerOf('hm', { list: inTurn<readonly IssuedKey[]>(unset, [ours]) });
    await expect(findOfCredential(unaskable, planOf('prod-api'), alone, 'abc234', looking)).rejects.toBe(unset);
    await expect(findKey([issuerOf('hm', { list: inTurn<readonly IssuedKey[]>(unset, [ours]) })], 'key_ours', looking)).rejects.toBe(unset);
  });

  test('an id that no issuer lists is unknown where there are several, and left to the issuer where there is one', async () => {
    expect(await failure(findKey([issuer, issuerOf('second', {})], 'key_none', looking))).toMatchObject({ code: 'UNKNOWN_NAME' });
    expect(await findKey([issuer], 'key_none', looking)).toMatchObject({ issuer: { name: 'hm' }, key: null });
  });

  test('a value that is given for an id is refused before it goes anywhere, and not repeated', async () => {
    const value = 'hm_live_0123456789abcdefghijkl';
    const refused = await failure(findKey([issuer], value, looking));
    expect(refused).toMatchObject({ code: 'USAGE', effect: 'none', message: expect.stringContaining('(hm_live_…)') });
    expect((refused as KeyturnError).sentence).not.toContain(value);
  });

  test('doctor warns of each issuer whose admin key nobody publishes, and of no other', () => {
    const findings = examineAdminKeys(config, plans.map((plan) => ({ plan })));
    expect(findings).toEqual([{ subject: 'issuer', name: 'hm', level: 'warning', message: expect.stringMatching(/environment variable ADMIN.*cannot be rotated by Keyturn.*docs\/break-glass\.md/) }]);
  });
});
