/** Incidents told to a Slack that enforces its limits and fails in every way, by workers that are killed at random: judged by what Slack holds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCrew, type Crew } from '../delivery/crew.ts';
import { writeBacklog, type Told } from '../delivery/backlog.ts';
import { SLACK_FAULTS, startStrictSlack, type StrictSlack } from '../delivery/strict-slack.ts';
import type { Posted } from '../delivery/workspace.ts';
import { diceOf } from '../kills/random.ts';
import { openOn, RUNTIMES, type RunningRuntime } from '../support/runtimes.ts';
import { BRISK, until } from './support.ts';

const SEED = Number(process.env['KEYTURN_SEED'] ?? 20_260_401);
const READABLE = ['ops', 'security'];
/** The app may not read its history: there it can not look whether a message arrived. */
const UNREADABLE = 'private';
const INCIDENTS = 8;
const KILLS = 6;

describe.each(RUNTIMES)('Slack under fault on $name', (runtime) => {
  let running: RunningRuntime;
  let slack: StrictSlack;
  let crew: Crew;
  let told: readonly Told[];
  const dice = diceOf(SEED);
  const of = (channel: string): readonly Posted[] => slack.posted.filter((one) => one.channel === channel);

  beforeAll(async () => {
    running = await runtime.start();
    const { alerts, close } = await openOn(running);
    told = await writeBacklog(alerts, [...READABLE, UNREADABLE], INCIDENTS);
    await close();
    slack = await startStrictSlack({ faultEvery: 5, unreadable: [UNREADABLE] });
    const channels = Object.fromEntries([...READABLE, UNREADABLE].map((name) => [name, { type: 'slack', token: '${env:SLACK_TOKEN}', channel: `#${name}`, slackApiUrl: slack.url, timeout: '4s' }]));
    crew = await startCrew(running, { channels, worker: { intervals: BRISK } }, { SLACK_TOKEN: 'xoxb-strict-0123456789' });
    await crew.killOften(KILLS, 1_000, 8_000, dice);
    await until(() => SLACK_FAULTS.every((fault) => slack.struck[fault] > 0), 120_000, 'every fault to strike');
    slack.calm();
    await crew.emptied(300_000);
  }, 900_000);
  afterAll(async () => {
    await crew?.close();
    await slack?.stop();
    await running?.stop();
  });

  test('nothing is lost, and where the history may be read nothing comes twice', () => {
    for (const { channel, incident, marks } of told) {
      const ids = of(channel).filter((one) => one.incident === incident).map((one) => one.deliveryId);
      expect(new Set(ids).size, `${channel} ${incident}`).toBe(marks.length);
      if (channel !== UNREADABLE) expect(ids, `${channel} ${incident}`).toHaveLength(marks.length);
    }
  });

  test('an incident is one thread, in order: its beginning is the message, and what came later hangs on it', () => {
    for (const { channel, incident, marks } of told.filter((one) => one.channel !== UNREADABLE)) {
      const [root, ...replies] = of(channel).filter((one) => one.incident === incident);
      expect(root?.threadTs).toBeNull();
      expect(replies.map((one) => one.threadTs), `${channel} ${incident}`).toEqual(marks.slice(1).map(() => root?.ts));
      expect(replies.map((one) => marks.find((mark) => one.text.includes(mark)))).toEqual(marks.slice(1));
      expect(root?.text).toContain(marks.at(-1));
    }
  });

  test('Slack turned nobody away: neither restarts nor two workers at once exceed what it bears', () => {
    expect(slack.turnedAway).toEqual([]);
  });
});
