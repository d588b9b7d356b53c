/** The act about a leak: the key that applications use is reported by a webhook, and dies before anything else is done. */
import type { KeyLife } from '../sandbox/index.ts';
import { REFUSED } from './caller.ts';
import { SCANNER } from './config-text.ts';
import { readServed, servedValue } from './env-file.ts';
import { gapOf, instantOf, isExcused, lengthOf, type Emergency } from './gap.ts';
import { showIncident } from './incident.ts';
import { startOutsider, type Outsider } from './outsider.ts';
import { ends, ROTATION_MS, showKeys, showMessages, SOON_MS, told, type Play } from './play.ts';
import { post, shownReport, signedReport } from './scanner.ts';
import { DemoFailure, until } from './until.ts';

const STRANGER = 'python-requests/2.32';
const STRANGER_EVERY_MS = 60;
const FEW_CALLS = 5;
/** As its title has it, in Slack and in the mail's subject. */
const LEAKED = 'its current key leaked';
const REPLACED = 'leaked key revoked and replaced';

/** Wants a schedule that stands still. Answers what those need to know who judge. */
export async function leakedKey(play: Play): Promise<Emergency> {
  const { stage, screen, signal } = play;
  screen.act(6, 'A leaked key', 'Somebody pushes app.env to a public repository. Somebody else finds it there, and so does a scanner, which reports the key by a signed webhook. Now the key must die before anything else is done, freeze or no freeze.');
  const leaked = await servedKey(play);
  const value = await servedValue(stage.envFile);
  const stranger = startOutsider({ baseUrl: stage.sandboxUrl, key: value, agent: STRANGER, everyMs: STRANGER_EVERY_MS });
  try {
    await until('The stranger calls with the leaked key', { withinMs: SOON_MS, signal }, () => (answered(stranger) >= FEW_CALLS ? true : null));
    screen.event('bad', 'stranger', `Has the key from the repository, calls with it as ${STRANGER}, and is answered.`);
    const reportedAt = await report(play, value);
    const rotationId = await emergencyOf(play);
    const [ended] = await Promise.all([play.follower.follow(rotationId, ROTATION_MS), showDeath(play, { leaked, rotationId, reportedAt, stranger })]);
    ends(play, ended, 'done');
    await showRecovery(play, leaked);
    await showKeys(play);
    await Promise.all([told(play, LEAKED), told(play, REPLACED)]);
    await showMessages(play);
    await showIncident(play, rotationId, { program: STRANGER, requests: stranger.calls.length });
    return { keyId: leaked.id, reportedAt, stranger: stranger.calls };
  } finally {
    await stranger.stop();
  }
}

async function servedKey({ stage }: Play): Promise<KeyLife> {
  const [keys, { current }] = [await stage.sandbox.keys(), await readServed(stage.envFile)];
  const served = keys.find(({ sha256 }) => sha256 === current);
  if (served === undefined) throw new DemoFailure('app.env serves no key that HyperMemory knows.');
  return served;
}

/** Answers when the report was sent. */
async function report({ stage, screen }: Play, value: string): Promise<number> {
  const sent = signedReport(`${stage.apiUrl}/v1/leaks/${SCANNER}`, stage.scannerSecret, value, Date.now());
  screen.event('note', 'scanner', shownReport(sent, value));
  const reportedAt = Date.now();
  const status = await post(sent);
  if (status !== 202) throw new DemoFailure(`The report of the leak was answered with ${status}.`);
  screen.event('note', 'worker', `${status} after ${Date.now() - reportedAt} ms: accepted, and never lost from here on.`);
  return reportedAt;
}

/** Answers the id of the emergency rotation that Keyturn made of it. */
async function emergencyOf({ stage: { client }, signal }: Play): Promise<string> {
  return await until('Keyturn answers the leak with an emergency', { withinMs: SOON_MS, signal }, async () => (await client.leaks({ source: SCANNER })).leaks[0]?.rotationId ?? null);
}

interface Dying {
  readonly leaked: KeyLife;
  readonly rotationId: string;
  readonly reportedAt: number;
  readonly stranger: Outsider;
}

async function showDeath({ stage, screen, follower, signal }: Play, { leaked, rotationId, reportedAt, stranger }: Dying): Promise<void> {
  const diedAt = await until('The leaked key dies', { withinMs: SOON_MS, signal }, async () => instantOf((await stage.sandbox.keys()).find(({ id }) => id === leaked.id)?.revoked_at));
  await until('The stranger is refused', { withinMs: SOON_MS, signal }, () => (stranger.calls.at(-1)?.problem === REFUSED ? true : null));
  // Behind the step that did it.
  await until('Its revocation is shown', { withinMs: SOON_MS, signal }, () => (follower.reached(rotationId, 'creating') ? true : null));
  screen.event('good', 'HyperMemory', `The leaked key is dead, ${diedAt - reportedAt} ms after its report was sent.`);
  screen.event('good', 'stranger', `Is refused from then on, after ${answered(stranger)} calls that were answered.`);
}

function answered({ calls }: Outsider): number {
  return calls.filter(({ problem }) => problem === null).length;
}

/** Waits until the application is green, and says what it met. */
async function showRecovery({ stage, screen, signal }: Play, { id }: KeyLife): Promise<void> {
  await until('The application recovers', { withinMs: SOON_MS, signal }, async () => ((await stage.application()).ok ? true : null));
  const [calls, keys] = [await stage.applicationCalls(), await stage.sandbox.keys()];
  const gap = gapOf(keys.find((key) => key.id === id), calls);
  const refused = calls.filter((call) => isExcused(call, gap)).length;
  const failed = calls.filter(({ problem }) => problem !== null).length - refused;
  const gapText = `${((lengthOf(gap) ?? 0) / 1_000).toFixed(1)} s`;
  screen.event(failed === 0 ? 'good' : 'bad', 'application', `Works again. ${refused} calls were refused in the ${gapText} from the key's death to its replacement; of the ${calls.length - refused} others ${failed === 0 ? 'none' : failed} failed.`);
}
