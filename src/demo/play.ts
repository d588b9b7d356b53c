/** What all acts share: the stage, the screen, and the small things that they do again and again. */
import type { KeyLife } from '../sandbox/index.ts';
import { CREDENTIAL } from './config-text.ts';
import { readServed } from './env-file.ts';
import { followerOf, type Follower, type RotationSummary } from './follow.ts';
import type { Screen } from './screen.ts';
import { running, type Stage } from './stage.ts';
import { DemoFailure, until } from './until.ts';

export interface Play {
  readonly stage: Stage;
  readonly screen: Screen;
  readonly follower: Follower;
  readonly signal: AbortSignal;
  /** Messages shown so far, by channel. */
  readonly shown: { slack: number; mail: number };
  /** How many rotations have ended: people hear of each. */
  readonly ended: { count: number };
}

export const SOON_MS = 15_000;
export const ROTATION_MS = 30_000;

export function openPlay(stage: Stage, screen: Screen, signal: AbortSignal): Play {
  const alive = (): void => {
    stage.assertAlive();
    if (stage.worker !== null) running(stage.worker);
  };
  return { stage, screen, signal, follower: followerOf(stage.client, screen, signal, alive), shown: { slack: 0, mail: 0 }, ended: { count: 0 } };
}

/** The rotation ended as it should. Throws `DemoFailure` when not. */
export function ends({ ended }: Play, rotation: RotationSummary, wanted: RotationSummary['state']): void {
  ended.count += 1;
  if (rotation.state !== wanted) throw new DemoFailure(`Rotation ${rotation.id} ended as ${rotation.state}, expected ${wanted}: ${rotation.message}`);
}

/** The next rotation, and when it is due. */
export async function nextRotation({ stage, screen, follower, signal }: Play): Promise<RotationSummary> {
  const due = await until('The schedule says when', { withinMs: SOON_MS, everyMs: 100, signal }, async () => {
    const credential = (await stage.client.status()).credentials.find((one) => one.credential === CREDENTIAL);
    return credential?.dueAt ?? credential?.openRotation?.createdAt ?? null;
  });
  const leftMs = Date.parse(due) - Date.now();
  if (leftMs > 1_000) screen.event('note', 'schedule', `Due in ${Math.round(leftMs / 1_000)} s.`);
  return await follower.next(leftMs + SOON_MS);
}

/** Waits until Slack and mail have a message of that title. */
export async function told({ stage, signal }: Play, title: string): Promise<void> {
  await until(`People hear that ${title}`, { withinMs: ROTATION_MS, signal }, () =>
    stage.slack.messages.some(({ text }) => text.includes(title)) && stage.mail.messages.some(({ subject }) => subject.includes(title)) ? true : null);
}

/** Waits until people were told of every ended rotation by both channels, and nothing else waits; shows a line of each message. */
export async function showMessages({ stage, screen, shown, ended, signal }: Play): Promise<void> {
  const { slack, mail, client } = stage;
  await until('Slack and mail arrive', { withinMs: SOON_MS, signal }, async () => {
    const told = Math.min(slack.messages.filter(({ text }) => text.includes(CREDENTIAL)).length, mail.messages.filter(({ subject }) => subject.includes(CREDENTIAL)).length);
    return told >= ended.count && (await client.status()).figures.deliveriesWaiting === 0 ? true : null;
  });
  for (const { text } of slack.messages.slice(shown.slack)) screen.event('message', 'Slack', headline(text));
  for (const { subject } of mail.messages.slice(shown.mail)) screen.event('message', 'mail', headline(subject));
  Object.assign(shown, { slack: slack.messages.length, mail: mail.messages.length });
}

/** The title of a message: what comes before its first sentence. */
function headline(text: string): string {
  return /^(.*?)(?:: [\p{Lu}`]|$)/mu.exec(text)?.[1] ?? '';
}

/** Waits until the application is green, and says how it fared. */
export async function showApplication({ stage, screen, signal }: Play, remark: string): Promise<void> {
  const report = await until('The application is healthy', { withinMs: SOON_MS, signal }, async () => {
    const seen = await stage.application();
    return seen.ok ? seen : null;
  });
  const tone = report.failures === 0 ? 'good' : 'bad';
  screen.event(tone, 'application', `${remark} ${report.requests} calls so far, ${report.failures} failed.${report.lastFailure === null ? '' : ` Last failure: ${report.lastFailure}.`}`);
}

/** The first key that was not among `known`, as soon as the sandbox has minted it. */
export async function freshKey({ stage, signal }: Play, known: readonly KeyLife[], withinMs: number): Promise<KeyLife> {
  const ids = new Set(known.map((key) => key.id));
  return await until('HyperMemory mints another key', { withinMs, everyMs: 30, signal }, async () => (await stage.sandbox.keys()).find((key) => !ids.has(key.id)) ?? null);
}

/** Says what became of the keys, as HyperMemory and the env file have it. */
export async function showKeys({ stage, screen }: Play): Promise<void> {
  const [keys, served] = [await stage.sandbox.keys(), await readServed(stage.envFile)];
  const live = keys.filter((key) => key.status === 'active');
  const current = keys.find((key) => key.sha256 === served.current);
  const tone = live.length === 1 && live[0] === current ? 'good' : 'bad';
  screen.event(tone, 'HyperMemory', `${keys.length} ${keys.length === 1 ? 'key' : 'keys'} minted so far, ${live.length} alive: ${live.map(nameOf).join(', ')}. app.env serves ${current === undefined ? 'an unknown key' : nameOf(current)}${served.backup === null ? '' : ', and a backup'}.`);
}

/** The part of a key's name that tells it from the others. */
export function nameOf(key: Pick<KeyLife, 'name'>): string {
  return `…${key.name.slice(-10)}`;
}
