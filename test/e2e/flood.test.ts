/** Ten thousand incidents in one minute, from findings to what stands in Slack, which turns away whoever posts too much. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver } from '../../src/alerts/deliver.ts';
import { takePlaces } from '../../src/alerts/places.ts';
import { tellOf } from '../../src/app/alerting.ts';
import type { Context } from '../../src/app/context.ts';
import { createSlackChannel } from '../../src/channels/slack/index.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Finding } from '../../src/core/finding.ts';
import type { Log } from '../../src/ports/log.ts';
import { changed, load } from '../config/support.ts';
import { startStrictSlack, type StrictSlack } from '../delivery/strict-slack.ts';
import { openRuntime, RUNTIMES, setClock, type OpenRuntime } from '../support/runtimes.ts';
import { findingOf, MINUTE, START } from '../alerts/alert-fixtures.ts';

const INCIDENTS = 10_000;
const CHANNELS = ['ops', 'security', 'platform'];
const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const never = new AbortController().signal;
const findings: readonly Finding[] = Array.from({ length: INCIDENTS }, (_, n) => findingOf({
  subject: `key:k${n}`, credential: `credential-${n}`, title: `credential-${n}: far more requests than usual`, severity: n % 100 === 0 ? 'critical' : 'warning',
}));

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))(`${INCIDENTS} incidents in one minute on $name`, (runtime) => {
  let open: OpenRuntime;
  let slack: StrictSlack;
  let context: Context;
  const workers = ['w1', 'w2'].map((worker) => ({ worker, underWay: new Set<string>() }));

  beforeAll(async () => {
    open = await openRuntime(runtime);
    slack = await startStrictSlack({ faultEvery: 0 });
    await setClock(open.pool, new Date(START));
    const { config } = load(changed('  ops: { type: slack, token: "${env:SLACK}", channel: "#ops" }', CHANNELS.map((name) => `  ${name}: { type: slack, token: "\${env:SLACK}", channel: "#${name}" }`).join('\n')));
    const queue = { wake: async () => true, wakeAll: async () => true };
    context = { alerts: open.alerts, ledger: open.ledger, config: () => config, engine: { log, queue } } as unknown as Context;
  });
  afterAll(async () => {
    await slack?.stop();
    await open?.close();
  });

  const scanAt = async (minute: number, found: readonly Finding[]) => {
    await setClock(open.pool, new Date(START + minute * MINUTE));
    return await tellOf(context, { findings: found, without: () => 'clear' });
  };
  const delivered = async (): Promise<void> => {
    const channels = new Map(CHANNELS.map((name) => [name, createSlackChannel({ name, channel: `#${name}`, token: () => new Secret('xoxb-flood-0123456789'), slackApiUrl: slack.url, place: takePlaces(open.ledger) })]));
    while ((await open.ledger.figures()).deliveriesWaiting > 0) {
      await Promise.all(workers.map((one) => deliver({ ...one, ledger: open.ledger, log, channel: async (name) => channels.get(name) ?? null }, never)));
    }
  };
  const roots = (channel: string): readonly string[] => slack.posted.filter((one) => one.channel === channel && one.threadTs === null).map(({ text }) => text);

  test('each channel gets at most ten messages, the worst by themselves and the rest in one, and Slack turns none away', async () => {
    const half = INCIDENTS / 2;
    const began = performance.now();
    expect(await scanAt(0, findings.slice(0, half))).toMatchObject({ applied: true, begun: half });
    expect(await scanAt(0.5, findings)).toMatchObject({ applied: true, begun: half });
    console.log(`${INCIDENTS} findings judged and written in two scans on ${runtime.name}: ${Math.round(performance.now() - began)} ms`);
    await delivered();
    for (const channel of CHANNELS) {
      expect(roots(channel).length).toBeLessThanOrEqual(10);
      expect(roots(channel).filter((text) => text.includes(`${INCIDENTS - 9} incidents`)), 'the digest, as it stands').toHaveLength(1);
      expect(roots(channel).filter((text) => text.startsWith('🚨 credential-'))).toHaveLength(9);
    }
    expect(slack.turnedAway).toEqual([]);
  }, 600_000);

  test('when all is over, the same messages say so, and no more come', async () => {
    for (let minute = 2; minute <= 14; minute += 4) await scanAt(minute, []);
    await delivered();
    for (const channel of CHANNELS) {
      expect(roots(channel).length).toBeLessThanOrEqual(10);
      expect(roots(channel).filter((text) => !text.startsWith('✅ Over'))).toEqual([]);
    }
    expect(await open.alerts.open()).toEqual([]);
    expect(slack.turnedAway).toEqual([]);
  }, 600_000);
});
