import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, createConfigHolder, planCredentials, type ConfigHolder } from '../../src/config/index.ts';
import type { PlannedCredential } from '../../src/core/plan.ts';
import { scrub } from '../../src/core/secret.ts';
import { changed, GOOD, load } from './support.ts';

async function holding(text: string) {
  const file = join(await mkdtemp(join(tmpdir(), 'keyturn-reload-')), 'keyturn.yaml');
  const write = (content: string): Promise<void> => writeFile(file, content);
  await write(text);
  return { file, write, holder: await createConfigHolder(file, { env: {} }) };
}

/** GOOD with so many credentials, none of whose plans depends on where the file lies. */
function many(count: number): string {
  const [head = '', entry = ''] = GOOD.split('credentials:\n');
  const one = (n: number): string => entry.replace('prod-api', `prod-api-${n}`).replace('prod/api', `prod/api-${n}`).replace('- { store: env }', `- { store: env, path: /srv/${n}.env }`);
  return `${head.replace('path: app/.env', 'path: /srv/app/.env')}credentials:\n${Array.from({ length: count }, (_, n) => one(n)).join('')}`;
}

const plansOf = (holder: ConfigHolder) => [...holder.plans()].flatMap((text) => JSON.parse(text) as PlannedCredential[]);

describe('reloading', () => {
  it('takes up a good file', async () => {
    const { holder, write } = await holding(GOOD);
    await write(changed('30d', '10d'));
    expect(await holder.reload()).toEqual({ applied: true, problems: [], warnings: [] });
    expect(holder.current().policies['monthly']?.every).toBe(864_000_000);
  });

  it('keeps the old configuration when the new one is bad, and says why', async () => {
    const { holder, write, file } = await holding(GOOD);
    const before = holder.current();
    await write(changed('30d', 'soon').replace('issuer: hm', 'issuer: hn'));
    const result = await holder.reload();
    expect(result.applied).toBe(false);
    expect(result.problems).toEqual([expect.stringContaining(`${file}:14:`), expect.stringContaining('no issuer "hn"')]);
    expect(holder.current()).toBe(before);
    await write(GOOD);
    expect((await holder.reload()).applied).toBe(true);
  });

  it('keeps what a running worker cannot change, and says so until it is put back', async () => {
    const { holder, write } = await holding(GOOD);
    await write(`${changed('30d', '10d')}log: { level: debug }\n`);
    expect((await holder.reload()).warnings).toEqual([expect.stringMatching(/log: changed, which takes effect when Keyturn is started anew/)]);
    expect(holder.current().log.level).toBe('info');
    expect(holder.current().policies['monthly']?.every).toBe(864_000_000);
    expect(holder.warnings()).toHaveLength(1);
    expect((await holder.reload()).warnings).toHaveLength(1);
    await write(GOOD);
    expect((await holder.reload()).warnings).toEqual([]);
  });

  it('two at once end with the newest file', async () => {
    const { holder, write } = await holding(GOOD);
    const early = holder.reload();
    await write(changed('30d', '7d'));
    await Promise.all([early, holder.reload()]);
    expect(holder.current().policies['monthly']?.every).toBe(604_800_000);
  });

  it('a bad file at start is refused, with every mistake at its line', async () => {
    await expect(holding('version: 3\n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const error: unknown = await holding(changed('30d', 'soon').replace('issuer: hm', 'issuer: hn')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.map((line) => /:(\d+):\d+: ([\w.-]+)/.exec(line)?.slice(1))).toEqual([['14', 'policies.monthly.every'], ['17', 'credentials.prod-api.issuer']]);
  });

  it('hands out the plans that the file makes, as often as asked, and those of the last good file', async () => {
    const { holder, write } = await holding(many(601));
    const expected = planCredentials(load(many(601)).config);
    expect(plansOf(holder)).toEqual(expected);
    expect(plansOf(holder)).toHaveLength(601);
    await write('version: 3\n');
    await holder.reload();
    expect(plansOf(holder)).toHaveLength(601);
    await write(changed('30d', '10d'));
    await holder.reload();
    expect(plansOf(holder).map(({ plan }) => [plan.credential, plan.policy.everyMs])).toEqual([['prod-api', 864_000_000]]);
  });

  it('keeps no credentials beside their plans', async () => {
    const { holder } = await holding(GOOD);
    expect(Object.keys(holder.current())).not.toContain('credentials');
  });

  it('reads the file in the environment that it is given', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'keyturn-reload-'));
    const file = join(directory, 'keyturn.yaml');
    await writeFile(file, changed('30d', '"${env:AGE}"'));
    const holder = await createConfigHolder(file, { env: { AGE: '9d' } });
    expect(holder.current().policies['monthly']?.every).toBe(777_600_000);
    await expect(createConfigHolder(file, { env: {} })).rejects.toThrow(/AGE is not set/);
  });

  it('a reading process that cannot go on changes nothing either', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'keyturn-reload-')), 'keyturn.yaml');
    await writeFile(file, GOOD);
    const env: Record<string, string> = {};
    const holder = await createConfigHolder(file, { env });
    const before = holder.current();
    env['NODE_OPTIONS'] = '--no-such-option';
    expect(await holder.reload()).toMatchObject({ applied: false, problems: [expect.stringContaining('ended before it was done')] });
    expect(holder.current()).toBe(before);
    expect(plansOf(holder)).toHaveLength(1);
    await expect(createConfigHolder(file, { env })).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('what looks like a secret in a bad file is shown nowhere from then on', async () => {
    const { holder, write } = await holding(GOOD);
    const [leaked, plain] = ['hm_live_reloaded0123456789', 'plain-admin-key-of-a-reload'];
    await write(`${changed('${env:ADMIN_KEY}', plain)}# ${leaked}\n`);
    const { applied, problems } = await holder.reload();
    expect(applied).toBe(false);
    expect(problems.join()).not.toMatch(/reloaded|plain-admin/);
    expect(scrub(`it is ${leaked} or ${plain}`)).toBe('it is [secret] or [secret]');
  });
});
