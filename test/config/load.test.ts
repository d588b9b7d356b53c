import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, summaryFor } from '../../src/config/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import { EXIT, ERROR_CODES } from '../../src/core/errors.ts';
import { changed, GOOD, load, problems } from './support.ts';

const windowOf = (given: string) => load(changed('{ every: 30d }', `{ every: 30d, window: ${given} }`)).config.policies['monthly']?.window;

const withHook = (hook: string): string => changed('policies:', `  hook: { type: webhook, ${hook} }\npolicies:`);
const warningsOf = (url: string): readonly string[] => load(withHook(`url: "${url}", secret: "\${env:S}"`)).warnings;

const summaryOf = (given: string) => summaryFor(load(`${GOOD}${given}`).config);

const withTwin = (place: string): string => `${GOOD}  other-api:\n    issuer: hm\n    scopes: [memory:read]\n    stores: [${place}]\n`.replace('stores:\n', 'stores:\n  aws2: { type: aws-secrets-manager, region: eu-west-1 }\n');

describe('a configuration that is right', () => {
  it('loads with its defaults and without warnings', () => {
    const { config, warnings } = load(GOOD);
    expect(warnings).toEqual([]);
    expect(config.policies['monthly']).toMatchObject({ every: 30 * 86_400_000, overlap: 86_400_000, quiet: 3_600_000, timezone: 'UTC', strategy: 'displace' });
    expect(config.worker.intervals.sweep).toBe(30_000);
    expect(config.routes).toBeUndefined();
  });

  it('takes paths from the directory of the file, and what is derived from them', () => {
    const { config } = load(GOOD);
    expect(config.stores['env']).toMatchObject({ path: '/etc/keyturn/app/.env' });
    expect(config.worker.dataDir).toBe('/etc/keyturn/.keyturn');
    expect(config.api.socket).toBe('/etc/keyturn/.keyturn/keyturn.sock');
    const given = load(`${GOOD}worker: { dataDir: /var/lib/kt }\napi: { socket: run/kt.sock }\n`).config;
    expect([given.worker.dataDir, given.api.socket]).toEqual(['/var/lib/kt', '/etc/keyturn/run/kt.sock']);
  });

  it('lets the environment override the data directory', () => {
    const { config } = load(`${GOOD}worker: { dataDir: /var/lib/kt }\n`, { KEYTURN_DATA_DIR: '/data' });
    expect([config.worker.dataDir, config.api.socket]).toEqual(['/data', '/data/keyturn.sock']);
  });

  it('works in seconds, and with compound durations', () => {
    const { config } = load(changed('{ every: 30d }', '{ every: 5s, overlap: 1h30m, quiet: 0s, jitter: 500ms }'));
    expect(config.policies['monthly']).toMatchObject({ every: 5_000, overlap: 5_400_000, quiet: 0, jitter: 500 });
  });

  it('takes anchors, aliases, merge keys, and x- keys to hold them', () => {
    const text = changed('monthly: { every: 30d }', 'monthly: { <<: *common, every: 10d }\n  other: *common').replace('version: 1', 'version: 1\nx-common: &common { every: 40d, quiet: 2h }');
    expect(load(text).config.policies).toMatchObject({ monthly: { every: 864_000_000, quiet: 7_200_000 }, other: { every: 3_456_000_000 } });
  });

  it('reads days and hours of a window', () => {
    expect(windowOf('{ days: mon-fri, hours: "09:00-17:00" }')).toMatchObject({ days: [1, 2, 3, 4, 5], hours: { from: 540, to: 1_020 } });
    expect(windowOf('{ days: [fri-mon, Wednesday], hours: "22:30-4:00" }')).toMatchObject({ days: [1, 3, 5, 6, 7], hours: { from: 1_350, to: 240 } });
    expect(windowOf('{ hours: 00:00-24:00 }')).toMatchObject({ days: [1, 2, 3, 4, 5, 6, 7], hours: { from: 0, to: 1_440 } });
  });
});

describe('the summary', () => {
  it('comes at 08:00 UTC to whoever gets mere news, unless set otherwise', () => {
    expect(summaryOf('')).toEqual({ every: 'day', on: 'mon', at: '08:00', timezone: 'UTC', channels: ['ops'] });
    expect(summaryOf('routes:\n  - { channels: [ops], severity: [critical] }\n')).toEqual({ every: 'day', on: 'mon', at: '08:00', timezone: 'UTC', channels: [] });
    expect(summaryOf('summary: { every: week, on: fri, at: "17:30", timezone: Europe/Berlin, channels: [ops] }\nroutes:\n  - { channels: [ops], severity: [critical] }\n')).toEqual({ every: 'week', on: 'fri', at: '17:30', timezone: 'Europe/Berlin', channels: ['ops'] });
    expect(summaryOf('summary: off\n').channels).toEqual([]);
  });

  it('is refused with the field that is wrong', () => {
    expect(problems(`${GOOD}summary: { at: "25:00", timezone: Mars, channels: [opps], when: now }\n`)).toEqual([
      expect.stringMatching(/summary\.at: is no time of day \(expected a time in quotes, such as "08:00"\)$/),
      expect.stringMatching(/summary\.timezone: is no time zone/),
      expect.stringMatching(/summary\.channels\[0\]: no channel "opps" is declared, did you mean "ops"\?/),
      expect.stringMatching(/summary\.when: is no known key/),
    ]);
    expect(problems(`${GOOD}summary: no\n`)).toEqual([expect.stringMatching(/summary: is no summary \(expected every, on, at, timezone and channels, or off\)$/)]);
  });
});

describe('webhooks', () => {
  it('need what their format needs, and an address that is one', () => {
    expect(problems(withHook('url: "https://in.example.com"'))).toEqual([expect.stringMatching(/channels\.hook: has no secret, which format keyturn needs$/)]);
    expect(problems(withHook('secret: "${env:S}"'))).toEqual([expect.stringMatching(/channels\.hook: has no url, which format keyturn needs$/)]);
    expect(problems(withHook('format: pagerduty'))).toEqual([expect.stringMatching(/channels\.hook: has no routingKey, which format pagerduty needs$/)]);
    expect(problems(withHook('format: alertmanager'))).toEqual([expect.stringMatching(/channels\.hook: has no url, which format alertmanager needs$/)]);
    expect(problems(withHook('url: "in.example.com", secret: "${env:S}"'))).toEqual([expect.stringMatching(/channels\.hook\.url: is no address \(expected http:/)]);
    expect(problems(withHook('url: "https://me:pw@in.example.com", secret: "${env:S}"'))).toEqual([expect.stringMatching(/channels\.hook\.url: carries a user or password/)]);
    expect(problems(withHook('url: "https://in.example.com", secret: plain-text'))).toEqual([expect.stringMatching(/channels\.hook\.secret/)]);
  });

  it('that would send in the clear are warned of, but for loopback', () => {
    expect(warningsOf('http://in.example.com/x')).toEqual([expect.stringMatching(/channels\.hook\.url: sends messages unencrypted$/)]);
    for (const url of ['https://in.example.com/x', 'http://127.0.0.1:9093/api/v2/alerts', 'http://localhost/x']) expect(warningsOf(url)).toEqual([]);
  });
});

describe('a configuration that is wrong', () => {
  it('tells everything at once, in order of the file, with line and column', () => {
    const text = `version: 1
issuers:
  hm:
    type: hypermemory
    adminKey: \${env:ADMIN_KEY}
    tiemout: 5s
stores:
  env: { type: env-fil }
policies:
  a: { overlap: 10 }
  b: { strategy: replace }
credentials:
  prod-api:
    issuer: hn
    scopes: []
    stores: [{ store: nowhere }]
`;
    expect(problems(text)).toEqual([
      '6:5: issuers.hm.tiemout: is no known key, did you mean "timeout"?',
      '8:16: stores.env.type: "env-fil" is not known here, did you mean "env-file"? (expected one of: aws-secrets-manager, env-file)',
      '10:17: policies.a.overlap: is no duration (expected a number with a unit, such as 30s, 24h or 1h30m)',
      expect.stringMatching(/^11:18: policies\.b\.strategy: replace revokes the old key before .*\(expected allowDowntime: true/),
      '14:13: credentials.prod-api.issuer: no issuer "hn" is declared, did you mean "hm"? (expected hm)',
      '15:13: credentials.prod-api.scopes: is empty (expected a list of scopes)',
      '16:23: credentials.prod-api.stores[0].store: no store "nowhere" is declared (expected env)',
    ]);
  });

  it.each([
    ['{ every: 30d, drill: weekly }', /policies\.monthly\.drill: is no time for drills: .*\(expected monthly, or a cron pattern/],
    ['{ every: 30d, drill: "0 0 31 2 *" }', /policies\.monthly\.drill: is no time for drills: it never comes/],
    ['{ every: 30d, strategy: replace, allowDowntime: true, drill: monthly }', /policies\.monthly\.drill: needs room for a throw-away key/],
  ])('says what is wrong with drills: %s', (policy, says) => {
    expect(problems(changed('{ every: 30d }', policy))).toEqual([expect.stringMatching(says)]);
  });

  it('is one error of code CONFIG_INVALID, exit 2', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keyturn-config-'));
    const file = join(directory, 'keyturn.yaml');
    await writeFile(file, 'version: 2\n');
    const error: unknown = await loadConfig(file, { env: {} }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', problems: [`${file}:1:10: version: is no known version (expected 1)`] });
    expect((error as ConfigError).message).toContain(`${file}:1:10:`);
    expect(ERROR_CODES.CONFIG_INVALID.exit).toBe(EXIT.usage);
    await expect(loadConfig(join(directory, 'none.yaml'), { env: {} })).rejects.toThrow(/does not exist/);
  });

  it('tells YAML’s own errors with their place, and keys written twice', () => {
    expect(problems('version: 1\nissuers: {a: [}\n')[0]).toMatch(/^2:\d+: YAML: /);
    expect(problems('version: 1\nworker: {}\nworker: {}\n')).toEqual([expect.stringMatching(/^3:1: this key is written twice/)]);
    expect(problems('version: 1\nworker: *nothing\n')[0]).toMatch(/^2:9: YAML: .*nothing/);
    expect(problems(changed('eu-west-1', '${env:REGION}'))).toContainEqual(expect.stringMatching(/^5:\d+: YAML: .*\(expected "\$\{…\}" in quotes/));
    expect(problems('version: 1\nlog: { level: info } secret-word another-word\n').join()).not.toMatch(/secret-word/);
    expect(problems('')).toEqual(['1:1: version: is missing (expected 1)']);
    expect(problems('- a\n- b\n').length).toBeGreaterThan(0);
    expect(problems('version: 1\nx-a: &a { b: *a }\nworker: *a\n').length).toBeGreaterThan(0);
  });

  it.each([
    ['{ every: 30d }', '{ every: 1M }', /every: months and years differ in length.*use days, or a cron pattern/],
    ['{ every: 30d }', '{ every: 3 months }', /every: months and years differ/],
    ['{ every: 30d }', '{ every: "30" }', /every: a unit is missing/],
    ['{ every: 30d }', '{ every: 30 }', /every: is no duration/],
    ['{ every: 30d }', '{ every: 1ms }', /every: is too short \(expected at least 1s\)/],
    ['{ every: 30d }', '{ every: 30d, cron: "0 3 * * 1" }', /cron: stands beside every/],
    ['{ every: 30d }', '{ cron: "0 3 * *" }', /cron: is no cron pattern/],
    ['{ every: 30d }', '{ cron: "0 0 31 2 *" }', /cron: .*never comes/],
    ['{ every: 30d }', '{ every: 30d, timezone: Berlin }', /timezone: is no time zone/],
    ['{ every: 30d }', '{ every: 30d, maxAge: 24h }', /maxAge: is shorter than overlap and quiet together.*at least 1d1h/],
    ['{ every: 30d }', '{ every: 30d, window: { days: frid, hours: "09:00-17:00" } }', /window\.days: are no days/],
    ['{ every: 30d }', '{ every: 30d, window: { hours: "09:00-09:00" } }', /window\.hours: are no hours/],
    ['{ every: 30d }', '{ every: 30d, window: { days: mon } }', /window\.hours: is missing \(expected "09:00-17:00"/],
    ['path: app/.env', 'path: app/.env, mode: 0640', /mode: is no file mode \(expected octal digits in quotes/],
    ['adminKey:', 'timeout: 2m, adminKey:', /timeout: is too long \(expected at most 1m\)/],
    ['url: "https://api.example.com/healthz"', 'url: "https://me:pw@api.example.com"', /url: carries a user or password/],
    ['url: "https://api.example.com/healthz"', 'url: "https://a.example", consecutive: 9', /consecutive: asks for more successes than the 5 attempts/],
    ['url: "https://api.example.com/healthz"', 'url: "https://a.example", expectBody: "/(/"', /expectBody: is no regular expression/],
    ['scopes: [memory:write]', 'scopes: [owner]', /scopes\[0\]: "owner" is no scope of generation 1/],
    ['scopes: [memory:write]', 'scopes: [memory:read, memory:read]', /scopes: names a scope twice/],
    ['policy: monthly', 'policy: montly', /no policy "montly" is declared, did you mean "monthly"\?/],
    ['checks: [health]', 'checks: [heath]', /checks\[0\]: no check "heath" is declared, did you mean "health"\?/],
    ['hooks: [reload]', 'hooks: [relaod]', /hooks\[0\]: no hook "relaod" is declared, did you mean "reload"\?/],
    ['hooks: [reload]', 'notify: [nobody]', /notify\[0\]: no channel "nobody" is declared/],
    ['hooks: [reload]', 'adopt: {}', /adopt: names no key/],
    ['hooks: [reload]', 'adopt: { keyId: a, name: b }', /adopt: names a key twice/],
    [', record: true', '', /stores: several of these could hold a new key .*record: true/],
    ['{ store: env }', '{ store: env, record: true }', /stores\[1\]\.record: is the second store of record/],
    ['secretId: prod/api, ', '', /stores\[0\]\.secretId: is missing/],
    ['secretId: prod/api', 'secretId: prod/api, variable: X', /stores\[0\]\.variable: is no field of a store of type aws-secrets-manager/],
    ['{ store: env }', '{ store: env, variable: A, backupVariable: A }', /backupVariable: is the variable itself/],
    ['path: app/.env', 'createIfMissing: true', /stores\[1\]\.path: is missing here and in the store/],
    ['{ store: env }', '{ store: aws, secretId: prod/api, field: x }', /stores\[1\]: is a place that this credential uses already/],
    ['prod-api:', '"prod api":', /credentials\.prod api: is no name/],
    ['type: command, command: [systemctl, reload, api]', 'type: command, command: systemctl reload api', /command: is not a list/],
  ])('refuses %s as %s', (part, by, why) => {
    const found = problems(changed(part, by));
    expect(found.join('\n')).toMatch(why);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^\d+:\d+: .*(\(expected|did you mean)/);
  });

  it('refuses two credentials in one place, whatever the stores are called', () => {
    expect(problems(withTwin('{ store: aws2, secretId: prod/api }'))[0]).toMatch(/other-api\.stores\[0\]: is a place that credential prod-api uses already/);
    expect(problems(withTwin('{ store: aws2, secretId: prod/api, field: x }'))).toHaveLength(1);
    expect(problems(withTwin('{ store: env, variable: HYPERMEMORY_API_KEY_BACKUP, backupVariable: none }'))).toHaveLength(1);
    expect(load(withTwin('{ store: env, variable: OTHER }')).warnings).toEqual([]);
  });

  it('points at keys that came in through an anchor', () => {
    const text = 'version: 1\nx-base: &base\n  every: 1M\npolicies:\n  a:\n    <<: *base\n';
    expect(problems(text)[0]).toMatch(/^3:10: policies\.a\.every: months/);
  });
});

describe('what is odd but allowed', () => {
  const odd: [string, string, RegExp][] = [
    ['prod-api:', 'api:', /credentials\.api: The name "api" is a single word/],
    ['{ every: 30d }', '{ every: 12h }', /every: the next rotation falls due before the old key can be revoked/],
    ['type: hypermemory,', 'type: hypermemory, baseUrl: "http://memory.internal",', /baseUrl: sends keys unencrypted/],
    ['policies:', 'routes: [{ channels: [ops], severity: [info] }]\npolicies:', /prod-api: no route takes its critical messages/],
    ['ops: { type: slack, token: "${env:SLACK}", channel: "#ops" }', '{}', /channels: no channel is declared/],
  ];
  it.each(odd)('%s as %s is a warning with its place', (part, by, why) => {
    const { warnings } = load(changed(part, by));
    expect(warnings.join('\n')).toMatch(why);
    expect(warnings[0]).toMatch(/^\/etc\/keyturn\/keyturn\.yaml:\d+:\d+: /);
  });
});
