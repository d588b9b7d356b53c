/** The act about usage: a burst, and an old key that somebody goes on using, are found and told of. */
import { request } from 'node:http';
import { join } from 'node:path';
import { CREDENTIAL, GATEWAY } from './config-text.ts';
import { servedValue } from './env-file.ts';
import { freeze } from './freeze.ts';
import { startOutsider } from './outsider.ts';
import { ends, nextRotation, ROTATION_MS, showApplication, showKeys, showMessages, SOON_MS, told, type Play } from './play.ts';
import { DemoFailure } from './until.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/** Long enough ago that the gateway's counts of it are complete. */
const BURST_MINUTES_AGO = 4;
const CALL_EVERY_MS = 300;
/** As its title has it, in Slack and in the mail's subject. */
const BURST = 'unusually many requests';
const OLD_KEY = 'an old key is still in use';

export async function unusualUse(play: Play): Promise<void> {
  const { stage, screen, follower } = play;
  screen.act(5, 'Keys that are used otherwise', 'An API gateway tells of the last day, with a burst at its end. And a forgotten nightly job keeps the old key when the next rotation comes. After that, a release freeze.');
  const value = await servedValue(stage.envFile);
  const requests = await pushDay(play);
  screen.event('note', 'gateway', `Posts a day of usage, ${requests.toLocaleString('en-US')} requests by the minute, to /v1/usage/${GATEWAY}.`);
  await told(play, BURST);
  const rotation = await nextRotation(play);
  await follower.follow(rotation.id, ROTATION_MS, (state) => state === 'draining');
  const job = startOutsider({ baseUrl: stage.sandboxUrl, key: value, agent: 'nightly-report/1.2', everyMs: CALL_EVERY_MS });
  screen.event('bad', 'nightly job', 'Still calls with the old key. Keyturn does not revoke what is in use: it waits, and asks who that is.');
  try {
    await told(play, OLD_KEY);
  } finally {
    await job.stop();
  }
  screen.event('good', 'nightly job', 'Is restarted with the new key, and the old one falls silent.');
  ends(play, await follower.follow(rotation.id, ROTATION_MS), 'done');
  await freeze(play);
  await showKeys(play);
  await showApplication(play, 'Noticed nothing.');
  await showMessages(play);
}

/** Twenty requests a minute or so, and thirty times as many for two minutes. Answers how many in all. */
async function pushDay({ stage }: Play): Promise<number> {
  const status = await stage.client.status();
  const key = status.credentials.find(({ credential }) => credential === CREDENTIAL)?.currentKey?.issuerKeyId;
  if (key === undefined) throw new DemoFailure(`${CREDENTIAL} has no current key.`);
  const now = Date.now();
  const records = Array.from({ length: DAY_MINUTES }, (_, n) => {
    const ago = DAY_MINUTES - n + 2;
    const usual = 18 + ((n * 7) % 5);
    return { at: new Date(now - ago * MINUTE_MS).toISOString(), key, outcome: 'ok', requests: ago === BURST_MINUTES_AGO || ago === BURST_MINUTES_AGO + 1 ? 30 * usual : usual, address: '10.0.4.17', agent: 'api-gateway/3.2' };
  });
  await post(join(stage.dir, 'keyturn', 'keyturn.sock'), `/v1/usage/${GATEWAY}`, records.map((record) => JSON.stringify(record)).join('\n'));
  return records.reduce((sum, one) => sum + one.requests, 0);
}

function post(socketPath: string, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, timeout: SOON_MS }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new DemoFailure(`The gateway's usage was answered with ${response.statusCode}.`));
    });
    sent.once('error', reject).once('timeout', () => sent.destroy(new DemoFailure('The gateway\'s usage was not answered.')));
    sent.end(body);
  });
}
