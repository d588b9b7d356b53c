/** What all acts share: the stage, the screen, and the small things that they do again and again. */
import type { KeyLife } from '../sandbox/index.ts';
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
}

export const SOON_MS = 15_000;
export const ROTATION_MS = 30_000;

export function openPlay(stage: Stage, screen: Screen, signal: AbortSignal): Play {
  const alive = (): void => {
    stage.assertAlive();
    if (stage.worker !== null) running(stage.worker);
  };
  return { stage, screen, signal, follower: followerOf(stage.client, screen, signal, alive), shown: { slack: 0, mail: 0 } };
}

export function expectState(rotation: RotationSummary, wanted: RotationSummary['state']): void {
  if (rotation.state !== wanted) throw new DemoFailure(`Rotation ${rotation.id} ended as ${rotation.state}, expected ${wanted}: ${rotation.message}`);
}

/** Waits until people were told by both channels, and shows a line of each. */
export async function showMessages({ stage, screen, shown, signal }: Play): Promise<void> {
  const { slack, mail } = stage;
  await until('Slack and mail arrive', { withinMs: SOON_MS, signal }, () => (slack.messages.length > shown.slack && mail.messages.length > shown.mail ? true : null));
  for (const { text } of slack.messages.slice(shown.slack)) screen.event('message', 'Slack', firstLine(text));
  for (const { subject } of mail.messages.slice(shown.mail)) screen.event('message', 'mail', firstLine(subject));
  Object.assign(shown, { slack: slack.messages.length, mail: mail.messages.length });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
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
