/** The table of disturbances: what is done to a run besides killing workers, and how often. */
import { setTimeout as sleep } from 'node:timers/promises';
import { keyturn } from '../support/cli.ts';
import type { RuntimeName } from './config.ts';
import { FAULTS } from './faults.ts';
import { breakGlass, reportLeak } from './harm.ts';
import { someoneUp, type Scene } from './scene.ts';

export interface Disturbance {
  readonly kind: string;
  readonly on: readonly RuntimeName[];
  /** How often in a hundred kills. */
  readonly perHundred: number;
  /** Kills go on meanwhile. */
  readonly beside: boolean;
  /** A worker may then end by itself, and be started again as a service manager would. */
  readonly excusesEnds: boolean;
  /** Does it, and gives it back. Says what was done; null when it could not be. */
  run(scene: Scene): Promise<string | null>;
}

const ALL: readonly RuntimeName[] = ['embedded', 'postgres', 'redis'];
const SERVERS: readonly RuntimeName[] = ['postgres', 'redis'];
const plain = { on: ALL, beside: false, excusesEnds: false } as const;

/** Longer than a lease that no effect has prolonged, shorter than what a former holder's effects are waited out for. */
const FROZEN_MS = [33_000, 48_000] as const;
const FULL_MS = [2_000, 5_000] as const;

export const DISTURBANCES: readonly Disturbance[] = [
  { ...plain, kind: 'freeze past a lease', on: SERVERS, perHundred: 3, beside: true, run: freezeOne },
  { ...plain, kind: 'freeze', on: ['embedded'], perHundred: 3, run: freezeAlone },
  { ...plain, kind: 'redis flushed', on: ['redis'], perHundred: 5, run: async ({ stage }) => { await stage.redis?.flush(); return 'FLUSHALL'; } },
  { ...plain, kind: 'redis restarted', on: ['redis'], perHundred: 4, beside: true, excusesEnds: true, run: restartRedis },
  { ...plain, kind: 'postgres restarted', on: SERVERS, perHundred: 4, beside: true, excusesEnds: true, run: restartPostgres },
  { ...plain, kind: 'disk full', perHundred: 4, beside: true, excusesEnds: true, run: fillDisk },
  { ...plain, kind: 'emergency', perHundred: 4, run: (scene) => ask(scene, 'revoke') },
  { ...plain, kind: 'leak report', perHundred: 6, beside: true, run: reportLeak },
  { ...plain, kind: 'break glass', perHundred: 2, excusesEnds: true, run: breakGlass },
  { ...plain, kind: 'manual rotation', perHundred: 8, run: (scene) => ask(scene, 'rotate') },
  { ...plain, kind: 'issuer trouble', perHundred: 35, run: issuerTrouble },
  { ...plain, kind: 'message trouble', perHundred: 10, run: messageTrouble },
];

async function freezeOne({ stage, dice }: Scene): Promise<string> {
  const seat = dice.pick(stage.seats.filter((one) => !one.frozen));
  const [least, most] = FROZEN_MS;
  const ms = dice.between(least, most);
  seat.freeze();
  await sleep(ms);
  seat.thaw();
  return `${seat.name} was frozen for ${Math.round(ms / 1_000)} s`;
}

async function freezeAlone({ stage, dice }: Scene): Promise<string> {
  const [seat] = stage.seats;
  seat?.freeze();
  await sleep(dice.between(500, 4_000));
  seat?.thaw();
  return 'the worker stood still';
}

async function restartRedis({ stage, dice }: Scene): Promise<string> {
  const awayMs = dice.between(0, 2_500);
  await stage.redis?.restart(() => sleep(awayMs));
  return `away for ${Math.round(awayMs)} ms`;
}

async function restartPostgres({ stage, dice }: Scene): Promise<string> {
  const [how, awayMs] = [dice.pick(['fast', 'immediate'] as const), dice.between(0, 2_500)];
  await stage.postgres?.restart(how, () => sleep(awayMs));
  return `${how}, away for ${Math.round(awayMs)} ms`;
}

/** The worker is killed in the middle of it as often as not. */
async function fillDisk({ stage, dice }: Scene): Promise<string> {
  const pids = (): readonly number[] => stage.seats.flatMap((seat) => seat.pid ?? []);
  const [least, most] = FULL_MS;
  const until = Date.now() + dice.between(least, most);
  stage.disk.fill(pids());
  try {
    while (Date.now() < until) {
      await sleep(50);
      stage.disk.keepFull(pids());
    }
  } finally {
    stage.disk.free(pids());
  }
  return stage.disk.how;
}

/** By the control API of a worker that is up, and now and then by the command line. What becomes of the answer may be unknown. */
async function ask({ stage, dice }: Scene, what: 'revoke' | 'rotate'): Promise<string | null> {
  const { name } = dice.pick(stage.declared);
  const seat = await someoneUp(stage, dice);
  if (seat === null) return null;
  if (what === 'revoke') stage.watch.emergency(name, Date.now());
  const by = dice.next() < 0.3 ? 'command line' : 'API';
  const actor = { who: 'cli:kills', why: 'somebody asked for it' };
  const done = by === 'API'
    ? await (what === 'revoke' ? stage.client(seat).revoke(name, actor) : stage.client(seat).rotate({ credentials: [name] }, actor)).then(() => 'taken', (error: unknown) => String(error))
    : `exit code ${(await keyturn([what, name, '--reason', 'somebody asked for it', ...(what === 'revoke' ? ['--yes'] : [])], { cwd: stage.directory, env: stage.environment(seat) })).code}`;
  return `${name} by ${by}: ${done}`;
}

async function issuerTrouble({ stage, dice }: Scene): Promise<string> {
  const name = dice.pick(Object.keys(FAULTS));
  await stage.sandbox.faults(...(FAULTS[name]?.(dice) ?? []));
  return name;
}

async function messageTrouble({ stage, dice }: Scene): Promise<string> {
  const trouble = dice.pick(['slack answer lost', 'slack 503', 'slack rate limit', 'mail answer lost', 'mail deferred'] as const);
  switch (trouble) {
    case 'slack answer lost': stage.slack.failNext({ method: 'chat.postMessage', kind: 'answer-lost' }); break;
    case 'slack 503': stage.slack.failNext({ kind: 'status', status: 503 }); break;
    case 'slack rate limit': stage.slack.failNext({ kind: 'status', status: 429, headers: { 'retry-after': '1' } }); break;
    case 'mail answer lost': stage.mail.failNext({ kind: 'answer-lost' }); break;
    case 'mail deferred': stage.mail.failNext({ kind: 'data', code: 451, text: 'Try again later' }); break;
  }
  return trouble;
}
