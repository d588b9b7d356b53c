/** The loop of one run: disturbances and kills in an order drawn by the seed, then everything comes to rest and is judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RuntimeName } from './config.ts';
import { DISTURBANCES, type Disturbance } from './chaos.ts';
import { collect } from './evidence.ts';
import { judge } from './judge.ts';
import { slowness } from './pace.ts';
import { diceOf, type Dice } from './random.ts';
import { report, type Report } from './report.ts';
import { someoneUp, type Scene } from './scene.ts';
import type { Seat } from './seat.ts';
import { setStage, type Stage } from './stage.ts';

export interface Run {
  readonly runtime: RuntimeName;
  readonly kills: number;
  readonly seed: number;
  /** Leaves everything of the run for people to look at, also when nothing was broken. */
  readonly keep: boolean;
  readonly say: (line: string) => void;
}

export interface Kill {
  readonly worker: string;
  /** The state that the killed worker's last transition led to, `quiet` when that was a second ago or more, or `starting`. */
  readonly state: string;
}

/** What the driver did. */
export interface Deeds {
  readonly kills: Kill[];
  readonly others: Map<string, number>;
  readonly excuses: { readonly from: number; to: number }[];
}

const START_MS = 300_000;
const TELL_EVERY = 25;
/** Ends of its own are excused for as long after what excuses them. */
const AFTERMATH_MS = 20_000;

export async function runOne(run: Run): Promise<Report> {
  const began = Date.now();
  const dice = diceOf(run.seed);
  const stage = await setStage(run.runtime);
  let keep = true;
  try {
    for (const seat of stage.seats) seat.start();
    await firstKeys(stage, dice);
    run.say(`${run.runtime}: every application has a first key after ${seconds(began)}`);
    const deeds = await disturb({ stage, dice }, run);
    stage.note('the faults end');
    run.say(`${run.runtime}: ${deeds.kills.length} kills after ${seconds(began)}; waiting for rest`);
    const facts = await collect(stage, deeds);
    const verdict = judge(facts);
    keep = run.keep || verdict.broken.length > 0;
    return report({ run, stage, deeds, facts, verdict, tookMs: Date.now() - began, kept: keep ? stage.directory : null });
  } finally {
    await stage.close(keep);
  }
}

/** The first rotation of each credential comes undisturbed, so that applications have keys. */
async function firstKeys(stage: Stage, dice: Dice): Promise<void> {
  if ((await someoneUp(stage, dice, START_MS)) === null) throw new Error(`no worker came up: ${JSON.stringify(stage.ownEnds)}; see ${stage.directory}`);
  const deadline = Date.now() + START_MS;
  while ((await stage.application()).waiting.length > 0) {
    if (Date.now() > deadline) throw new Error(`not every credential has a first key; see ${stage.directory}`);
    await sleep(200);
  }
}

async function disturb(scene: Scene, run: Run): Promise<Deeds> {
  const deeds: Deeds = { kills: [], others: new Map(), excuses: [] };
  const beside = new Map<string, Promise<void>>();
  const plan = planned(run, scene.dice);
  for (let index = 0; index < run.kills; index += 1) {
    for (const one of plan.get(index) ?? []) {
      await beside.get(one.kind); // the same kind does not overlap itself
      const doing = carryOut(one, scene, deeds);
      // Whoever waits for it next hears of its failure, and until then nobody need.
      doing.catch(() => undefined);
      if (one.beside) beside.set(one.kind, doing);
      else await doing;
    }
    const kill = await killOne(scene);
    deeds.kills.push(kill);
    scene.stage.note(`killed ${kill.worker} in ${kill.state}`);
    if ((index + 1) % TELL_EVERY === 0) run.say(`${run.runtime}: ${index + 1} of ${run.kills} kills`);
  }
  await Promise.all(beside.values());
  return deeds;
}

/** Which disturbances come before which kill. */
function planned(run: Run, dice: Dice): ReadonlyMap<number, readonly Disturbance[]> {
  const drawn = DISTURBANCES.filter((one) => one.on.includes(run.runtime)).flatMap((one) => {
    const times = Math.max(1, Math.round((one.perHundred * run.kills) / 100));
    return Array.from({ length: times }, () => ({ before: dice.below(run.kills), one }));
  });
  return new Map([...Map.groupBy(drawn, ({ before }) => before)].map(([before, all]) => [before, all.map(({ one }) => one)]));
}

async function carryOut(one: Disturbance, scene: Scene, deeds: Deeds): Promise<void> {
  const excuse = { from: Date.now(), to: Number.POSITIVE_INFINITY };
  if (one.excusesEnds) deeds.excuses.push(excuse);
  scene.stage.note(`${one.kind} begins`);
  const done = await one.run(scene);
  scene.stage.note(`${one.kind}: ${done ?? 'it could not be done'}`);
  if (done !== null) deeds.others.set(one.kind, (deeds.others.get(one.kind) ?? 0) + 1);
  excuse.to = Date.now() + AFTERMATH_MS;
}

const TRANSITION_MS = 20_000;
const MOST_TRANSITIONS = 4;
const AFTER_TRANSITION_MS = 150;
const QUIET_MS = 1_000;

/** Most kills follow a transition closely; some come at any time, a few hit a worker that still starts. */
async function killOne(scene: Scene): Promise<Kill> {
  const drawn = scene.dice.next();
  if (drawn < 0.6) return await killAfterTransition(scene);
  return await (drawn < 0.92 ? killAtAnyTime(scene) : killAtStart(scene));
}

async function killAfterTransition(scene: Scene): Promise<Kill> {
  const { stage, dice } = scene;
  const seat = await transition(stage, 1 + dice.below(MOST_TRANSITIONS));
  if (seat === null) return await killAtAnyTime(scene);
  await sleep(dice.between(0, AFTER_TRANSITION_MS));
  return await struck(seat);
}

async function killAtAnyTime({ stage, dice }: Scene): Promise<Kill> {
  await sleep(dice.between(0, slowness(stage) * (stage.seats.length > 1 ? 700 : 1_500)));
  return await struck((await someoneUp(stage, dice, START_MS)) ?? dice.pick(stage.seats));
}

async function killAtStart({ stage, dice }: Scene): Promise<Kill> {
  const starting = stage.seats.find((seat) => seat.upSince === null && !seat.frozen) ?? dice.pick(stage.seats);
  if (starting.upSince !== null) await starting.kill();
  await sleep(dice.between(0, starting.startMs));
  return await struck(starting);
}

async function struck(seat: Seat): Promise<Kill> {
  const { upSince, lastStep } = seat;
  const fresh = lastStep !== null && Date.now() - lastStep.at < QUIET_MS;
  await seat.kill();
  return { worker: seat.name, state: upSince === null ? 'starting' : fresh ? lastStep.to : 'quiet' };
}

/** The seat of the worker that writes the so-many-th transition from now, or null when it does not come soon. */
function transition(stage: Stage, nth: number): Promise<Seat | null> {
  return new Promise((resolve) => {
    let left = nth;
    const end = (seat: Seat | null): void => {
      clearTimeout(timer);
      forget();
      resolve(seat);
    };
    const timer = setTimeout(() => end(null), TRANSITION_MS);
    const forget = stage.onStep((seat) => {
      if (!seat.frozen && (left -= 1) <= 0) end(seat);
    });
  });
}

function seconds(since: number): string {
  return `${Math.round((Date.now() - since) / 1_000)} s`;
}
