/** The four acts about rotation: what is done, and what must come of it before the next may begin. */
import type { FaultRule } from '../sandbox/index.ts';
import { CREDENTIAL } from './config-text.ts';
import { ends, freshKey, nameOf, nextRotation, ROTATION_MS, showApplication, showKeys, showMessages, SOON_MS, type Play } from './play.ts';
import { DemoFailure, until } from './until.ts';

export async function bootstrap(play: Play): Promise<void> {
  const { stage, screen, follower, signal } = play;
  screen.act(1, 'The first key', `${CREDENTIAL} is declared, but app.env is empty, and the application waits for a key. The worker starts.`);
  const began = performance.now();
  const worker = await stage.startWorker(signal);
  screen.event('note', 'worker', `keyturn up (process ${worker.pid}) answers after ${seconds(performance.now() - began)}.`);
  screen.shorten(`${CREDENTIAL}-kt-${(await stage.client.status()).installation}-`, '…');
  const first = await follower.next(SOON_MS);
  ends(play, await follower.follow(first.id, ROTATION_MS), 'done');
  await showApplication(play, 'Has its first key and calls without pause.');
  await showMessages(play);
}

export async function onSchedule(play: Play): Promise<void> {
  const { screen, follower } = play;
  screen.act(2, 'A rotation on schedule', 'The policy replaces the key every 8 seconds (where you work: every 30 days) and lets old and new live side by side for 2.');
  const rotation = await nextRotation(play);
  ends(play, await follower.follow(rotation.id, ROTATION_MS), 'done');
  await showKeys(play);
  await showApplication(play, 'Noticed nothing.');
  await showMessages(play);
}

/** Holds the create's answer back a moment, so that the trap is set before the new key is used. */
const SLOW_ANSWER: FaultRule = { name: 'slow create', match: { method: 'POST', path: '/v1/api-keys' }, times: 1, effect: { kind: 'delay', ms: 1_500, when: 'after' } };
const REFUSAL = 'one server refuses the new key';

export async function badKey(play: Play): Promise<void> {
  const { stage, screen, follower, signal } = play;
  screen.act(3, 'A bad key', 'The next key passes Keyturn\'s own checks, but one of HyperMemory\'s servers refuses it: only the application can find out.');
  const known = await stage.sandbox.keys();
  await stage.sandbox.setFaults([SLOW_ANSWER]);
  const rotation = await nextRotation(play);
  const trap = async (): Promise<void> => {
    const { name } = await freshKey(play, known, SOON_MS);
    await stage.sandbox.setFaults([{ name: REFUSAL, match: { path: '/api/v1/memory/update', keyName: name }, effect: { kind: 'status', status: 401, body: { detail: 'Invalid API key' } } }]);
    await until('The application turns red', { withinMs: SOON_MS, signal }, async () => ((await stage.application()).using === 'backup' ? true : null));
    await until('Its promotion is shown', { withinMs: SOON_MS, signal }, () => (follower.reached(rotation.id, 'confirmed') ? true : null));
    screen.event('bad', 'application', '401 for the new key. It falls back to the backup key in app.env and goes on, and /healthz turns red.');
  };
  const [ended] = await Promise.all([follower.follow(rotation.id, ROTATION_MS), trap()]);
  ends(play, ended, 'rolled_back');
  await stage.sandbox.setFaults([]);
  await showKeys(play);
  await showApplication(play, 'Green again, on the old key.');
  await showMessages(play);
}

/** HyperMemory makes the key, but the answer takes longer than anybody will live to hear. */
const LOST_ANSWER: FaultRule = { name: 'lost answer', match: { method: 'POST', path: '/v1/api-keys' }, times: 1, effect: { kind: 'delay', ms: 60_000, when: 'after' } };

export async function killedWorker(play: Play): Promise<void> {
  const { stage, screen, follower, signal } = play;
  screen.act(4, 'The worker is killed at the worst moment', 'HyperMemory has made the key, its answer is still under way, and the worker dies. The key\'s value is lost, the key is alive: an orphan.');
  const known = await stage.sandbox.keys();
  await stage.sandbox.setFaults([LOST_ANSWER]);
  const rotation = await nextRotation(play);
  await follower.follow(rotation.id, SOON_MS, (state) => state === 'creating');
  const orphan = await freshKey(play, known, SOON_MS);
  await killWorker(play);
  screen.event('bad', 'worker', `SIGKILL. HyperMemory has the key ${nameOf(orphan)}, and nobody holds its value.`);
  await stage.sandbox.setFaults([]);
  const began = performance.now();
  const worker = await stage.startWorker(signal);
  screen.event('note', 'worker', `Started again (process ${worker.pid}), answers after ${seconds(performance.now() - began)}.`);
  ends(play, await follower.follow(rotation.id, ROTATION_MS), 'done');
  const after = (await stage.sandbox.keys()).find((key) => key.id === orphan.id);
  screen.event(after?.status === 'revoked' ? 'good' : 'bad', 'HyperMemory', `The orphan ${nameOf(orphan)} is ${after?.status ?? 'unknown'}; it was used ${after?.requests ?? 0} times.`);
  await showKeys(play);
  await showApplication(play, 'Noticed nothing.');
  await showMessages(play);
}

async function killWorker({ stage, signal }: Play): Promise<void> {
  const { worker } = stage;
  if (worker === null) throw new DemoFailure('There is no worker to kill.');
  worker.kill('SIGKILL');
  await until('The worker dies', { withinMs: SOON_MS, signal }, () => (worker.ended ? true : null));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
