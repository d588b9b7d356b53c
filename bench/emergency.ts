import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import type { Asked } from './support/emergency-process.ts';
import { credentialNames, openGround, type Ground } from './support/ground.ts';
import { startRemote, type Remote } from './support/remote.ts';
import type { Runtime } from './support/runtimes.ts';
import type { Revoked } from './support/sandbox-process.ts';
import { percentile } from './support/statistics.ts';
import type { Ended } from './support/worker.ts';

const LATENCY_MS = 30;
/** Emergencies of each side in a round; the sides take turns, round by round. */
const SAMPLES = { full: 25, quick: 4 };
const ROUNDS = { full: 6, quick: 2 };
const BACKLOG = { full: 100_000, quick: 10_000 };
const CREDENTIALS = 8;
const WITHIN_MS = 300_000;
/** Jobs that were worked off since the last emergency. */
const FLOW = 100;
const ROTATION_WITHIN_MS = 60_000;
/** A side's part of a round ends here, however many there are: a slow path must not take the day. */
const SAMPLE_FOR_MS = 60_000;

export const emergency: Benchmark = {
  name: 'emergency',
  measures: `From a revocation accepted (its transaction committed) to the key dead at an issuer that takes ${LATENCY_MS} ms, on an idle worker and while ${BACKLOG.full} jobs wait in the five other lanes and are worked off. The two take turns in one run: ${ROUNDS.full} rounds of ${SAMPLES.full} emergencies each, for which the lanes are filled and emptied again. One at a time, each to the end of its rotation (or a minute of it), the next one when the waiting jobs have found their pace again. The issuer's process tells when a request came in and when its key was dead, on the clock that all processes share. Keyturn's own part ends when the issuer has received the revoke. Beside it, in the same process and on the same kind of queue, a bare BullMQ job that does nothing but the revoke call, from its adding.`,
  tables: [
    { title: 'Accepted to key dead', columns: [{ figure: 'p50', head: 'p50', unit: 'ms' }, { figure: 'p99', head: 'p99', unit: 'ms' }, { figure: 'idle50', head: 'p50 to idle', unit: '×' }, { figure: 'idle99', head: 'p99 to idle', unit: '×' }, { figure: 'asked99', head: 'p99 from the request', unit: 'ms' }, { figure: 'samples', head: 'samples', unit: '' }, { figure: 'least', head: 'fewest jobs waiting', unit: '' }] },
    { title: "Keyturn's own part, and a bare job with a bare call", columns: [{ figure: 'own50', head: 'own p50', unit: 'ms' }, { figure: 'own99', head: 'own p99', unit: 'ms' }, { figure: 'bare50', head: 'bare p50', unit: 'ms' }, { figure: 'bare99', head: 'bare p99', unit: 'ms' }, { figure: 'toBare50', head: 'p50 to bare', unit: '×' }, { figure: 'toBare99', head: 'p99 to bare', unit: '×' }] },
  ],
  goals: [
    { figure: 'idle50', atMost: 1.5 },
    { figure: 'idle99', atMost: 1.5 },
    { figure: 'p99', atMost: 150, runtimes: ['redis'], cases: 'waiting' },
    { figure: 'p99', atMost: 400, runtimes: ['embedded'], cases: 'waiting' },
  ],
  run: (options) => options.runtimes.each(['embedded', 'postgres', 'redis'], 'emergency', (runtime) => measure(runtime, options)),
};

/** Milliseconds, each list in the order of measuring. */
interface Latencies {
  readonly dead: number[];
  readonly received: number[];
  readonly asked: number[];
  readonly bare: number[];
  /** Fewest jobs that waited meanwhile. */
  least: number;
}

const none = (): Latencies => ({ dead: [], received: [], asked: [], bare: [], least: Infinity });

interface Sides {
  readonly worker: Remote;
  readonly ground: Ground;
  /** Rotations that ended so far, by id. */
  readonly ends: ReadonlyMap<string, Ended>;
  /** Keys that the issuer revoked so far, by its id. */
  readonly revoked: ReadonlyMap<string, Revoked>;
}

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const size = quick ? 'quick' : 'full';
  const [rounds, backlog] = [runs ?? ROUNDS[size], BACKLOG[size]];
  const ground = await openGround({ latencyMs: LATENCY_MS, tellRevokes: true });
  try {
    const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(CREDENTIALS) });
    const worker = await startRemote('emergency-process.ts', { ...runtime, configPath });
    try {
      const [ends, revoked] = [new Map<string, Ended>(), new Map<string, Revoked>()];
      worker.on('ended', (rotation) => void ends.set((rotation as Ended).id, rotation as Ended));
      ground.sandbox.on('revoke', (one) => void revoked.set((one as Revoked).keyId, one as Revoked));
      const sides = { worker, ground, ends, revoked };
      await worker.call('begin');
      await until(() => ends.size >= CREDENTIALS, 'the first keys were not all minted in time');
      const [idle, busy] = [none(), none()];
      for (let round = 1; round <= rounds; round += 1) {
        await sample(sides, SAMPLES[size], 0, idle);
        await worker.call('fill', backlog);
        await sample(sides, SAMPLES[size], backlog, busy);
        await worker.call('empty');
        await until(async () => (await worker.call<number>('active')) === 0, 'what was worked on did not end');
        say(`${runtime.name}: round ${round} of ${rounds}; p99 idle ${percentile(idle.dead, 0.99).toFixed(0)} ms, with ${backlog} waiting ${percentile(busy.dead, 0.99).toFixed(0)} ms`);
      }
      return [rowOf(runtime, 'idle', idle, null), rowOf(runtime, `${backlog} jobs waiting`, busy, idle)];
    } finally {
      await worker.stop();
    }
  } finally {
    await ground.close();
  }
}

/** Emergencies and bare jobs in turn: A B A B … Fills the backlog up again between them. */
async function sample(sides: Sides, samples: number, backlog: number, into: Latencies): Promise<void> {
  const end = performance.now() + SAMPLE_FOR_MS;
  for (let n = 0; n < samples && (n < 2 || performance.now() < end); n += 1) {
    if (backlog > 0) await flowing(sides.worker);
    await emergencyOnce(sides, `prod-app-${(n % CREDENTIALS) + 1}`, into);
    if (backlog > 0) await flowing(sides.worker);
    into.bare.push(await bareOnce(sides, `bare-${backlog}-${into.bare.length}`));
    const waiting = await sides.worker.call<number>('waiting');
    into.least = Math.min(into.least, waiting);
    if (waiting < (backlog * 3) / 4) await sides.worker.call('fill', backlog - waiting);
  }
  if (into.least < backlog / 10) throw new Error(`only ${into.least} jobs waited: the backlog is worked off faster than it is made`);
}

/** Emergencies have precedence: the others must have found their pace again, or the next one would meet an idle worker. */
async function flowing(worker: Remote): Promise<void> {
  const waiting = await worker.call<number>('waiting');
  await until(async () => (await worker.call<number>('waiting')) <= waiting - FLOW, 'the backlog is not being worked off');
}

async function emergencyOnce(sides: Sides, credential: string, into: Latencies): Promise<void> {
  const { id, key, asked, accepted } = await sides.worker.call<Asked>('revoke', credential);
  const { received, dead } = await died(sides, key);
  into.dead.push(dead - accepted);
  into.received.push(received - accepted);
  into.asked.push(dead - asked);
  await over(sides, id);
}

/** Once the issuer has told, and by its own inspection too. */
async function died({ ground, revoked }: Sides, key: string): Promise<Revoked> {
  await until(() => revoked.has(key), `key ${key} was not revoked`);
  if (!(await ground.sandbox.call<boolean>('isDead', key))) throw new Error(`key ${key} lives, although the issuer said that it was revoked`);
  return revoked.get(key) as Revoked;
}

/** The replacement is not what is measured: where it takes very long, the next sample does not wait for it. */
async function over({ ends }: Sides, id: string): Promise<void> {
  const end = performance.now() + ROTATION_WITHIN_MS;
  while (!ends.has(id) && performance.now() < end) await sleep(10);
  const ended = ends.get(id);
  if (ended !== undefined && ended.state !== 'done') throw new Error(`the emergency rotation ended as ${ended.state} (${ended.reason})`);
}

async function bareOnce(sides: Sides, name: string): Promise<number> {
  const key = await sides.worker.call<string>('mint', name);
  const asked = await sides.worker.call<number>('bareRevoke', key);
  return (await died(sides, key)).dead - asked;
}

async function until(is: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`${otherwise} (${WITHIN_MS / 1_000} s)`);
    await sleep(20);
  }
}

const at = (values: readonly number[]) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });

function rowOf(runtime: Runtime, label: string, latencies: Latencies, idle: Latencies | null): Row {
  const [dead, own, asked, bare] = [at(latencies.dead), at(latencies.received), at(latencies.asked), at(latencies.bare)];
  const rest = idle === null ? null : at(idle.dead);
  return {
    case: label, runtime: runtime.name,
    figures: {
      ...dead, asked99: asked.p99, own50: own.p50, own99: own.p99, bare50: bare.p50, bare99: bare.p99, toBare50: dead.p50 / bare.p50, toBare99: dead.p99 / bare.p99, samples: latencies.dead.length,
      ...(rest === null ? {} : { least: latencies.least, idle50: dead.p50 / rest.p50, idle99: dead.p99 / rest.p99 }),
    },
  };
}
