import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, planCredentials, readEnvironment, resolveSecret } from '../../src/config/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { fieldsMarked } from '../../src/config/json-schema.ts';
import { shown } from '../../src/config/tree.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { changed, GOOD, load, problems } from './support.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keyturn-secrets-'));
});

/** Everything that a refusal can show. */
function allOf(text: string): string {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return [error.message, error.sentence, inspect(error, { depth: 9 }), ...error.problems].join('\n');
    throw error;
  }
  throw new Error('expected a refusal');
}

const withHeader = (value: string): string => changed('healthz"', `healthz", headers: { authorization: "${value}", accept: text/plain }`);

describe('secret fields', () => {
  it('are these', () => {
    expect(fieldsMarked('x-reference', 'only').map(shown).sort()).toEqual([
      'api.listen.token',
      'channels.*.dkim.key',
      'channels.*.password',
      'channels.*.routingKey',
      'channels.*.secret',
      'channels.*.token',
      'hooks.*.secret',
      'issuers.*.adminKey',
      'issuers.*.events.token',
      'leaks.sources.*.secret',
      'leaks.sources.*.secret',
      'leaks.sources.*.secret',
      'leaks.sources.*.token',
      'leaks.sources.*.token',
      'redis.password',
      'redis.url',
      'security.rootKey',
      'usage.sources.*.bearer',
      'usage.sources.*.password',
      'usage.sources.*.token',
    ]);
  });

  it('hold references, also in plans, and are not read at load', () => {
    const { config } = load(GOOD);
    expect(config.issuers['hm']?.adminKey).toEqual({ from: 'env', name: 'ADMIN_KEY' });
    expect(planCredentials(config)[0]?.plan.issuer.options['adminKey']).toEqual({ from: 'env', name: 'ADMIN_KEY' });
  });

  it('take files relative to the configuration', () => {
    expect(load(changed('${env:ADMIN_KEY}', '${file:secrets/admin}')).config.issuers['hm']?.adminKey).toEqual({ from: 'file', name: '/etc/keyturn/secrets/admin' });
  });

  it.each(['correct-horse-battery', 'Bearer ${env:ADMIN_KEY}', '${ADMIN_KEY_OF_MINE}', 'hm_live_abcdefghijklmnop'])('refuse %s without showing it', (value) => {
    const shownText = allOf(changed('${env:ADMIN_KEY}', value));
    expect(shownText).toContain('issuers.hm.adminKey: holds');
    expect(shownText).not.toContain(value);
  });

  it('keep a refused value out of every other message too', () => {
    const repeated = allOf(changed('${env:ADMIN_KEY}', 'staple-battery-horse').replace('issuer: hm', 'issuer: staple-battery-horse'));
    expect(repeated).toContain('no issuer "[secret]" is declared');
    expect(repeated).not.toContain('staple-battery-horse');
  });
});

describe('secrets anywhere in the file', () => {
  // Put together here, so that this file holds none itself.
  const found: [string, string][] = [
    ['a HyperMemory key', `hm_live_${'Ab3'.repeat(8)}`],
    ['a HyperMemory key', `hm_test_${'x9'.repeat(10)}`],
    ['a HyperMemory key', `hm_${'0123456789abcdef'.repeat(4)}`],
    ['a Slack token', ['xoxb', '123456789012', 'abcdefGHIJKL'].join('-')],
    ['an AWS access key id', ['AKIA', 'IOSFODNN7EXAMPLE'].join('')],
    ['an AWS secret access key', ['wJalrXUtnFEMI/K7MDENG', 'bPxRfiCYEXAMPLEKEY'].join('/')],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----'],
  ];

  it.each(found)('%s is refused in a label, a comment, a name and a header, and never shown', (what, value) => {
    const places = [
      changed('hooks: [reload]', `labels: { note: "see ${value}" }`),
      changed('hooks: [reload]', `hooks: [reload] # ${value}`),
      changed('issuer: hm', `issuer: "${value}"`),
      changed('healthz"', `healthz", headers: { x: "${value}" }`),
      changed('type: aws-secrets-manager', `type: "${value}"`),
    ];
    for (const text of places) {
      const shownText = allOf(text);
      expect(shownText).toContain(`looks like ${what}`);
      expect(shownText).not.toContain(value);
    }
  });

  it('is refused when a variable brings it in', () => {
    const text = changed('hooks: [reload]', 'labels: { note: "${env:NOTE}" }');
    const refused = problems(text, { NOTE: `hm_live_${'Zz1'.repeat(6)}` });
    expect(refused.join()).toMatch(/labels\.note: holds what looks like a HyperMemory key/);
    expect(refused.join()).not.toContain('Zz1Zz1');
  });

  it('what only resembles one is let through', () => {
    const harmless = ['hm_live_…', 'da39a3ee5e6b4b0d3255bfef95601890afd80709', 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api-AbCdEf', 'services/memory/production/eu-west-1/api'];
    for (const value of harmless) expect(load(changed('hooks: [reload]', `labels: { note: "${value}" }`)).warnings).toEqual([]);
  });
});

describe('references in plain text', () => {
  it('are replaced from environment and files, in part or whole', async () => {
    await writeFile(join(directory, 'region'), 'eu-central-1\n');
    const text = changed('region: eu-west-1', 'region: "${file:region}"').replace('app/.env', '"${env:ROOT}/api/.env"').replace('{ every: 30d }', '{ every: "${env:AGE}" }');
    const { config } = parseConfig(join(directory, 'keyturn.yaml'), text, { env: { ROOT: '/srv', AGE: '10d' } });
    expect(config.stores).toMatchObject({ aws: { region: 'eu-central-1' }, env: { path: '/srv/api/.env' } });
    expect(config.policies['monthly']?.every).toBe(864_000_000);
  });

  it('make numbers and booleans, where those are wanted', () => {
    const text = changed('type: hypermemory', 'type: hypermemory, keyLimit: "${env:LIMIT}", lastUse: "${env:LAST}"');
    expect(load(text, { LIMIT: '7', LAST: 'false' }).config.issuers['hm']).toMatchObject({ keyLimit: 7, lastUse: false });
  });

  it('that lead nowhere are errors with their place', () => {
    expect(problems(changed('eu-west-1', '"${env:REGION}"'))).toEqual([expect.stringMatching(/^5:45: stores\.aws\.region: the environment variable REGION is not set/)]);
    expect(problems(changed('eu-west-1', '"${file:/nowhere/region}"'))[0]).toMatch(/the file \/nowhere\/region cannot be read: ENOENT/);
    expect(problems(changed('eu-west-1', '"${REGION}"'))[0]).toMatch(/\$\{REGION\} is no reference \(expected \$\{env:NAME\}/);
  });

  it('can be written as plain text', () => {
    expect(load(changed('hooks: [reload]', 'labels: { note: "costs $${5}" }')).config.credentials['prod-api']?.labels).toEqual({ note: 'costs ${5}' });
  });

  it('stay references in headers, and are refused when mixed with text there: plans are kept in the ledger', () => {
    expect(load(withHeader('${env:HEALTH}'), { HEALTH: 'Bearer x' }).config.checks['health']).toMatchObject({ headers: { authorization: { from: 'env', name: 'HEALTH' }, accept: 'text/plain' } });
    expect(problems(withHeader('Bearer ${env:HEALTH}'), { HEALTH: 'x' })[0]).toMatch(/headers\.authorization: mixes text and a reference/);
  });
});

describe('resolving a secret', () => {
  it('reads the file each time, without the line feed at its end', async () => {
    const name = join(directory, 'admin');
    await writeFile(name, 'first-value\r\n');
    expect((await resolveSecret({ from: 'file', name }, {})).reveal()).toBe('first-value');
    await writeFile(name, ' second value\n');
    expect((await resolveSecret({ from: 'file', name }, {})).reveal()).toBe(' second value');
    await rm(name);
    await expect(resolveSecret({ from: 'file', name }, {})).rejects.toMatchObject({ code: 'REFERENCE_UNRESOLVED' });
  });

  it('reads the variable at time of use', async () => {
    const env: Record<string, string> = { ADMIN: 'one-value' };
    expect((await resolveSecret({ from: 'env', name: 'ADMIN' }, env)).reveal()).toBe('one-value');
    env['ADMIN'] = 'two-value';
    expect((await resolveSecret({ from: 'env', name: 'ADMIN' }, env)).reveal()).toBe('two-value');
  });

  it('says what is missing and what to do', async () => {
    await writeFile(join(directory, 'empty'), '\n');
    const cases = [
      [{ from: 'env', name: 'NOPE' }, /environment variable NOPE, but that is not set\. Set NOPE/],
      [{ from: 'env', name: 'BLANK' }, /BLANK, but that is empty/],
      [{ from: 'file', name: join(directory, 'empty') }, /empty, but that is empty\. Write the secret into/],
      [{ from: 'file', name: join(directory, 'none') }, /does not exist/],
      [{ from: 'file', name: directory }, /cannot be read \(EISDIR\)/],
    ] as const;
    for (const [ref, said] of cases) {
      const error: unknown = await resolveSecret(ref, { BLANK: '' }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(KeyturnError);
      expect((error as KeyturnError).code).toBe('REFERENCE_UNRESOLVED');
      expect((error as KeyturnError).sentence).toMatch(said);
    }
  });
});

it('the environment is typed, and its secrets do not print', () => {
  const read = readEnvironment({ DATABASE_URL: 'postgres://u:database-pw@h/d', REDIS_URL: '', KEYTURN_DATA_DIR: '/data', KEYTURN_TOKEN: 'some-api-token', USER: 'ada' });
  expect(read).toMatchObject({ redisUrl: null, dataDir: '/data', user: 'ada', noColor: false, configPath: null });
  expect(read.databaseUrl?.reveal()).toBe('postgres://u:database-pw@h/d');
  expect(inspect(read) + JSON.stringify(read)).not.toMatch(/database-pw|some-api-token/);
});
