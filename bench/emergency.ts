import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import type { Asked } from './support/emergency-process.ts';
import { credentialNames, openGround, type Ground } from './support/ground.ts';
import { startRemote, type Remote } from './support/remote.ts';
import type { Runtime } from './support/runtimes.ts';
import { percentile } from './support/statistics.ts';
import type { Ended } from './support/worker.ts';

const SAMPLES = { full: 100, quick: 8 };
const BACKLOG = { full: 100_000, quick: 20_000 };
const CREDENTIALS = 8;
const WITHIN_MS = 300_000;
const ROTATION_WITHIN_MS = 60_000;
/** Sampling ends here, however many there are: a slow path must not take the day. */
const SAMPLE_FOR_MS = 90_000;

export const emergency: Benchmark = {
  name: 'emergency',
  measures: `From a revocation accepted (its row in the ledger) to the revoke received by the issuer, on an idle worker and while ${BACKLOG.full} jobs wait in the four other lanes and are worked off; they are filled up again between the samples. One at a time, each to the end of its rotation (or a minute of it). Beside it, in the same process and on the same kind of queue, a bare BullMQ job that does nothing but the revoke call, from its adding. The issuer's process tells when a request came in.`,
  tables: [
    { title: 'Latency', columns: [{ figure: 'p50', head: 'p50', unit: 'ms' }, { figure: 'p99', head: 'p99', unit: 'ms' }, { figure: 'idle50', head: 'p50 to idle', unit: '×' }, { figure: 'idle99', head: 'p99 to idle', unit: '×' }, { figure: 'asked99', head: 'p99 from the request', unit: 'ms' }] },
    { title: 'Against a bare job and a bare call', columns: [{ figure: 'bare50', head: 'bare p50', unit: 'ms' }, { figure: 'bare99', head: 'bare p99', unit: 'ms' }, { figure: 'toBare50', head: 'p50 to bare', unit: '×' }, { figure: 'toBare99', head: 'p99 to bare', unit: '×' }, { figure: 'least', head: 'fewest jobs waiting', unit: '' }, { figure: 'samples', head: 'samples', unit: '' }] },
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
  readonly accepted: readonly number[];
  readonly asked: readonly number[];
  readonly bare: readonly number[];
  /** Fewest jobs that waited meanwhile. */
  readonly least: number;
}

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const [samples, backlog] = quick ? [runs ?? SAMPLES.quick, BACKLOG.quick] : [runs ?? SAMPLES.full, BACKLOG.full];
  const ground = await openGround({ latencyMs: 0, tellRevokes: true });
  try {
    const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(CREDENTIALS) });
    const worker = await startRemote('emergency-process.ts', { ...runtime, configPath });
    try {
      const ends = new Map<string, Ended>();
      worker.on('ended', (rotation) => void ends.set((rotation as Ended).id, rotation as Ended));
      await bootstrapped(worker, ends);
      const idle = await sample({ worker, ground, ends }, samples, 0);
      say(`${runtime.name}: idle, p99 ${percentile(idle.accepted, 0.99).toFixed(0)} ms`);
      await worker.call('fill', backlog);
      const busy = await sample({ worker, ground, ends }, samples, backlog);
      say(`${runtime.name}: ${backlog} waiting, p99 ${percentile(busy.accepted, 0.99).toFixed(0)} ms`);
      return [rowOf(runtime, 'idle', idle, null), rowOf(runtime, `${backlog} jobs waiting`, busy, idle)];
    } finally {
      await worker.stop();
    }
  } finally {
    await ground.close();
  }
}

interface Sides {
  readonly worker: Remote;
  readonly ground: Ground;
  /** Rotations that ended so far, by id. */
  readonly ends: ReadonlyMap<string, Ended>;
}

async function bootstrapped(worker: Remote, ends: ReadonlyMap<string, Ended>): Promise<void> {
  await worker.call('begin');
  const until = performance.now() + WITHIN_MS;
  while (ends.size < CREDENTIALS) {
    if (performance.now() > until) throw new Error(`only ${ends.size} of ${CREDENTIALS} first keys were minted in time`);
    await sleep(50);
  }
}

/** The two in turn: A B A B … Fills the backlog up again between them. */
async function sample(sides: Sides, samples: number, backlog: number): Promise<Latencies> {
  const [accepted, asked, bare]: [number[], number[], number[]] = [[], [], []];
  let least = Infinity;
  const until = performance.now() + SAMPLE_FOR_MS;
  for (let n = 0; n < samples && (n < 2 || performance.now() < until); n += 1) {
    const one = await emergencyOnce(sides, `prod-app-${(n % CREDENTIALS) + 1}`);
    accepted.push(one.accepted);
    asked.push(one.asked);
    bare.push(await bareOnce(sides, `bare-${backlog}-${n}`));
    const waiting = await sides.worker.call<number>('waiting');
    least = Math.min(least, waiting);
    if (waiting < (backlog * 3) / 4) await sides.worker.call('fill', backlog - waiting);
  }
  if (least < backlog / 10) throw new Error(`only ${least} jobs waited: the backlog is worked off faster than it is made`);
  return { accepted, asked, bare, least };
}

async function emergencyOnce({ worker, ground, ends }: Sides, credential: string): Promise<{ readonly accepted: number; readonly asked: number }> {
  const received = ground.sandbox.next<{ readonly at: number }>('revoke', WITHIN_MS);
  const [request, { at }] = await Promise.all([worker.call<Asked>('revoke', credential), received]);
  await over(ends, request.id);
  return { accepted: at - request.accepted, asked: at - request.asked };
}

/** The replacement is not what is measured: where it takes very long, the next sample does not wait for it. */
async function over(ends: ReadonlyMap<string, Ended>, id: string): Promise<void> {
  const until = performance.now() + ROTATION_WITHIN_MS;
  while (!ends.has(id) && performance.now() < until) await sleep(10);
  const ended = ends.get(id);
  if (ended !== undefined && ended.state !== 'done') throw new Error(`the emergency rotation ended as ${ended.state} (${ended.reason})`);
}

async function bareOnce({ worker, ground }: Sides, name: string): Promise<number> {
  const key = await worker.call<string>('mint', name);
  const received = ground.sandbox.next<{ readonly at: number }>('revoke', WITHIN_MS);
  const [asked, { at }] = await Promise.all([worker.call<number>('bareRevoke', key), received]);
  return at - asked;
}

const at = (values: readonly number[]) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });

function rowOf(runtime: Runtime, label: string, latencies: Latencies, idle: Latencies | null): Row {
  const [own, asked, bare] = [at(latencies.accepted), at(latencies.asked), at(latencies.bare)];
  const rest = idle === null ? null : at(idle.accepted);
  return {
    case: label, runtime: runtime.name,
    figures: {
      ...own, asked99: asked.p99, bare50: bare.p50, bare99: bare.p99, toBare50: own.p50 / bare.p50, toBare99: own.p99 / bare.p99, samples: latencies.accepted.length,
      ...(rest === null ? {} : { least: latencies.least, idle50: own.p50 / rest.p50, idle99: own.p99 / rest.p99 }),
    },
  };
}
