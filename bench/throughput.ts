import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import { openFleet } from './support/fleet.ts';
import { credentialNames, openGround, type Ground } from './support/ground.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';

const SIZE = { full: 150, quick: 24 };
const ROUNDS = { full: 3, quick: 1 };
const CONCURRENCY = 16;
const LATENCY_MS = 30;
const FLEETS = { full: [1, 2, 4], quick: [1, 2] };

export const throughput: Benchmark = {
  name: 'throughput',
  measures: `Rotations a second of one worker, and of two and four on one ledger and queue, each in a process of its own with ${CONCURRENCY} rotations at once, against an issuer that takes ${LATENCY_MS} ms; from the request of ${SIZE.full} rotations to the last one's end. In turn: 1, 2, 4, 1, 2, 4 … All share this machine's cores with the database and the sandbox.`,
  tables: [{ title: 'Throughput', columns: [{ figure: 'rate', head: 'rotations', unit: '/s' }, { figure: 'scale', head: 'to one worker', unit: '×' }, { figure: 'cpu', head: 'worker CPU a rotation', unit: 'ms' }, { figure: 'serverCpu', head: 'server CPU a rotation', unit: 'ms' }, { figure: 'cores', head: 'cores busy', unit: '' }] }],
  goals: [],
  run: (options) => options.runtimes.each(['postgres', 'redis'], 'throughput', (runtime) => measure(runtime, options)),
};

interface Round {
  readonly workers: number;
  readonly rate: number;
  readonly cpu: number;
  readonly serverCpu: number;
  readonly cores: number;
}

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const [size, rounds, fleets] = quick ? [SIZE.quick, runs ?? ROUNDS.quick, FLEETS.quick] : [SIZE.full, runs ?? ROUNDS.full, FLEETS.full];
  const ground = await openGround({ latencyMs: LATENCY_MS });
  try {
    const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(size), concurrency: CONCURRENCY });
    await bootstrap(runtime, configPath, size);
    const all: Round[][] = [];
    for (let n = 0; n < rounds; n += 1) {
      const turn: Round[] = [];
      for (const workers of fleets) turn.push(await round(runtime, ground, configPath, workers, size));
      all.push(turn);
      say(`${runtime.name}: ${turn.map(({ workers, rate }) => `${workers} made ${rate.toFixed(1)}/s`).join(', ')}`);
    }
    return fleets.map((workers, n) => rowOf(runtime, workers, all.map((turn) => [turn[n], turn[0]] as const)));
  } finally {
    await ground.close();
  }
}

async function bootstrap(runtime: Runtime, configPath: string, size: number): Promise<void> {
  const fleet = await openFleet(1, { ...runtime, configPath });
  try {
    await fleet.bootstrap(size);
  } finally {
    await fleet.close();
  }
}

async function round(runtime: Runtime, ground: Ground, configPath: string, workers: number, size: number): Promise<Round> {
  const fleet = await openFleet(workers, { ...runtime, configPath });
  try {
    await fleet.begin();
    const before = { cpu: fleet.cpu(), serverCpu: runtime.serverCpu(), sandboxCpu: ground.cpu() };
    const seconds = (await fleet.rotateAll(size)) / 1_000;
    const [cpu, serverCpu, sandboxCpu] = [fleet.cpu() - before.cpu, runtime.serverCpu() - before.serverCpu, ground.cpu() - before.sandboxCpu];
    return { workers, rate: size / seconds, cpu: (cpu * 1_000) / size, serverCpu: (serverCpu * 1_000) / size, cores: (cpu + serverCpu + sandboxCpu) / seconds };
  } finally {
    await fleet.close();
  }
}

function rowOf(runtime: Runtime, workers: number, pairs: readonly (readonly [Round | undefined, Round | undefined])[]): Row {
  const over = (pick: (round: Round, alone: Round) => number) => spread(pairs.flatMap(([round, alone]) => (round === undefined || alone === undefined ? [] : [pick(round, alone)])));
  return {
    case: `${workers} worker${workers === 1 ? '' : 's'}`, runtime: runtime.name,
    figures: { rate: over(({ rate }) => rate), scale: over(({ rate }, alone) => rate / alone.rate), cpu: over(({ cpu }) => cpu).median, serverCpu: over(({ serverCpu }) => serverCpu).median, cores: over(({ cores }) => cores).median },
  };
}
