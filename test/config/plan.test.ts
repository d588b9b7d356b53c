import { describe, expect, it } from 'vitest';
import { DEFAULT_BASE_URL, DEFAULT_FIELDS, DEFAULT_PATHS } from '../../src/issuers/hypermemory/index.ts';
import { channelDefinitions, issuerDefinitions, planCredentials } from '../../src/config/index.ts';
import { channelsFor } from '../../src/config/routes.ts';
import { HYPERMEMORY_FIELDS, HYPERMEMORY_PATHS } from '../../src/config/schema/issuers.ts';
import { changed, GOOD, load } from './support.ts';

const planned = (text: string) => planCredentials(load(text).config);
const first = (text: string) => {
  const [one] = planned(text);
  if (one === undefined) throw new Error('no credential');
  return one;
};

const windowZone = (given: string) => first(changed('{ every: 30d }', `{ every: 30d, timezone: Europe/Berlin, window: { hours: "09:00-17:00"${given} } }`)).plan.policy.window?.timezone;

const fallbacks = (given: Readonly<Record<string, readonly [string, string]>>) => Object.fromEntries(Object.entries(given).map(([key, [fallback]]) => [key, fallback]));

describe('a plan', () => {
  it('holds all that a rotation needs, in the words of the plug-ins', () => {
    const { plan } = first(GOOD);
    expect(plan).toMatchObject({
      credential: 'prod-api',
      owner: null,
      issuer: { name: 'hm', type: 'hypermemory', options: { baseUrl: 'https://api.hypermemory.io', generation: 1, timeoutMs: 10_000, listLagMs: 60_000 } },
      pacing: { maxConcurrent: 2, perMinute: 10 },
      knownKeys: [],
      keyName: 'prod-api',
      policy: { name: 'monthly', everyMs: 2_592_000_000, cron: null, window: null, maxAgeMs: null, deadlines: { verifyMs: 300_000, retryMs: 3_600_000 } },
      places: [
        { id: 'aws', ofRecord: true, place: { secretId: 'prod/api' }, store: { name: 'aws', type: 'aws-secrets-manager', options: { region: 'eu-west-1', callTimeoutMs: 15_000 } } },
        { id: 'env', ofRecord: false, place: { path: '/etc/keyturn/app/.env', variable: 'HYPERMEMORY_API_KEY', backupVariable: 'HYPERMEMORY_API_KEY_BACKUP' }, store: { type: 'env-file', options: { mode: 0o600 } } },
      ],
      checks: [{ name: 'issuer', type: 'issuer', options: { canary: 'auto' } }, { name: 'health', type: 'http', options: { timeoutMs: 5_000, intervalMs: 1_000, deadlineMs: 30_000 } }],
      hooks: [{ name: 'reload', type: 'command', options: { command: ['systemctl', 'reload', 'api'], timeoutMs: 30_000 } }],
      channels: { info: ['ops'], warning: ['ops'], critical: ['ops'] },
    });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('infers the store of record where only one can be', () => {
    const single = changed('\n      - { store: env }', '').replace(', record: true', '');
    expect(first(single).plan.places).toMatchObject([{ id: 'aws', ofRecord: true }]);
    const declined = changed(', record: true', '').replace('{ store: env }', '{ store: env, record: false }');
    expect(first(declined).plan.places.map((place) => place.ofRecord)).toEqual([true, false]);
  });

  it('numbers places when one store is used twice', () => {
    const twice = changed('{ store: env }', '{ store: env }\n      - { store: env, variable: SECOND, backupVariable: none }');
    expect(first(twice).plan.places.map((place) => place.id)).toEqual(['aws', 'env/1', 'env/2']);
    expect(first(twice).plan.places[2]?.place).toMatchObject({ variable: 'SECOND', backupVariable: null });
  });

  it('runs the issuer check as named, and else by itself', () => {
    const named = changed('checks:\n', 'checks:\n  mine: { type: issuer, canary: never }\n').replace('checks: [health]', 'checks: [health, mine]');
    expect(first(named).plan.checks.map((check) => check.name)).toEqual(['health', 'mine']);
  });

  it.each([['monthly', '0 9 1 * *'], ['"30 4 * * 1"', '30 4 * * 1']])('knows when drills are due: %s', (written, cron) => {
    expect(first(changed('{ every: 30d }', `{ every: 30d, drill: ${written} }`)).plan.policy.drill).toBe(cron);
    expect('drill' in first(GOOD).plan.policy).toBe(false);
  });

  it('without a policy is rotated only by hand', () => {
    expect(first(changed('policy: monthly\n', 'owner: ops\n')).plan.policy).toMatchObject({ name: 'by-hand', cron: null, everyMs: null, overlapMs: 86_400_000 });
  });

  it('puts the window into its own zone, else that of the policy', () => {
    expect([windowZone(''), windowZone(', timezone: Asia/Tokyo')]).toEqual(['Europe/Berlin', 'Asia/Tokyo']);
  });
});

describe('the revision of a plan', () => {
  it('is the same whatever the order in the file, and another for every change', () => {
    const { revision } = first(GOOD);
    expect(revision).toMatch(/^[0-9a-f]{64}$/);
    expect(first(changed('region: eu-west-1 }', 'createIfMissing: false, region: eu-west-1 }')).revision).toBe(revision);
    expect(first(changed('type: env-file, path: app/.env', 'path: app/.env, type: env-file')).revision).toBe(revision);
    const others = [['30d', '31d'], ['[memory:write]', '[memory:read]'], ['[systemctl, reload, api]', '[systemctl, api, reload]'], ['ADMIN_KEY', 'OTHER_KEY'], ['"#ops"', '"#other"']] as const;
    expect(others.map(([part, by]) => first(changed(part, by)).revision === revision)).toEqual([false, false, false, false, true]);
  });
});

it('knows all issuers and channels, used or not', () => {
  const { config } = load(GOOD);
  expect(issuerDefinitions(config).map(({ name }) => name)).toEqual(['hm']);
  expect(issuerDefinitions(config)[0]?.options).not.toHaveProperty('pacing');
  expect(channelDefinitions(config)).toMatchObject([{ name: 'ops', type: 'slack', options: { token: { from: 'env', name: 'SLACK' }, channel: '#ops', timeoutMs: 15_000 } }]);
});

describe('routes', () => {
  const routed = load(
    `${GOOD}routes:
  - { channels: [ops] , severity: [warning, critical] }
  - { channels: [mail], credentials: ["prod-*"], severity: [critical] }
  - { channels: [team], owners: [team-*] }
`
      .replace('channels:\n', 'channels:\n  mail: { type: email, host: h, from: a@b.c, to: [a@b.c] }\n  team: { type: slack, token: "${env:T}", channel: C1 }\n  extra: { type: slack, token: "${env:T}", channel: C2 }\n')
      .replace('policies:', 'policies:'),
  ).config;
  const to = (credential: string | null, owner: string | null, severity: 'info' | 'warning' | 'critical') => channelsFor(routed, { credential, owner }, severity);

  it('all that match apply, in the order of channels', () => {
    expect(to('prod-api', 'team-a', 'critical')).toEqual(['mail', 'team', 'ops']);
    expect(to('prod-api', 'team-a', 'warning')).toEqual(['team', 'ops']);
    expect(to('prod-api', null, 'info')).toEqual([]);
    expect(to('staging-api', 'teams', 'critical')).toEqual(['ops']);
    expect(to('xprod-api', null, 'critical')).toEqual(['ops']);
  });

  it('what is about no credential goes by routes that ask for none, and else everywhere', () => {
    expect(to(null, null, 'critical')).toEqual(['ops']);
    const narrow = { ...routed, routes: [{ channels: ['mail'], credentials: ['prod-*'] }] };
    expect(channelsFor(narrow, { credential: null, owner: null }, 'warning')).toEqual(['mail', 'team', 'extra', 'ops']);
  });

  it('notify comes before routes', () => {
    const { config } = load(changed('hooks: [reload]', 'notify: [ops]').replace('policies:', 'routes: [{ channels: [ops], severity: [critical] }]\npolicies:'));
    expect(planCredentials(config)[0]?.plan.channels).toEqual({ info: ['ops'], warning: ['ops'], critical: ['ops'] });
  });
});

it('paths and fields of HyperMemory are those of the issuer, with its defaults', () => {
  expect(fallbacks(HYPERMEMORY_PATHS)).toEqual(DEFAULT_PATHS);
  expect(fallbacks(HYPERMEMORY_FIELDS)).toEqual(DEFAULT_FIELDS);
  expect(load(GOOD).config.issuers['hm']?.baseUrl).toBe(DEFAULT_BASE_URL);
});
