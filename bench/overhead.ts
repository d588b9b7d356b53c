import type { BenchOptions, Benchmark, Row, RuntimeName } from './benchmark.ts';
import { openFleet, type Fleet } from './support/fleet.ts';
import { credentialNames, openGround, type Ground } from './support/ground.ts';
import type { HandArgument } from './support/hand-process.ts';
import { cpuSeconds } from './support/proc.ts';
import { startRemote, type Remote } from './support/remote.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';

const SIZE = { full: 500, quick: 60 };
const ROUNDS = { full: 3, quick: 2 };
const CONCURRENCY = 16;
const LATENCY_MS = 30;
const CASES: readonly RuntimeName[] = ['embedded', 'postgres', 'redis'];

export const overhead: Benchmark = {
  name: 'overhead',
  measures: `${SIZE.full} credentials rotated with ${CONCURRENCY} at once, against an issuer that takes ${LATENCY_MS} ms: Keyturn, and a bare loop that makes the same calls with the same plug-ins, without ledger and queue. Each in a process of its own, with a sandbox of its own, in turn (A B A B …), after one round each that is not counted; the sandboxes' own counts must agree.`,
  tables: [
    { title: 'Time', columns: [{ figure: 'bare', head: 'bare', unit: 's' }, { figure: 'keyturn', head: 'Keyturn', unit: 's' }, { figure: 'ratio', head: 'ratio', unit: '×' }, { figure: 'rate', head: 'rotations', unit: '/s' }, { figure: 'calls', head: 'issuer calls a rotation', unit: '' }] },
    { title: 'Processor time of a rotation', columns: [{ figure: 'bareCpu', head: 'bare loop', unit: 'ms' }, { figure: 'keyturnCpu', head: 'Keyturn', unit: 'ms' }, { figure: 'serverCpu', head: 'PostgreSQL and Redis', unit: 'ms' }, { figure: 'bareSandboxCpu', head: 'sandbox (bare)', unit: 'ms' }, { figure: 'sandboxCpu', head: 'sandbox (Keyturn)', unit: 'ms' }, { figure: 'cores', head: 'cores busy (Keyturn)', unit: '' }] },
  ],
  goals: [{ figure: 'ratio', atMost: 1.15, runtimes: ['redis'] }, { figure: 'ratio', atMost: 1.5, runtimes: ['embedded'] }],
  run: (options) => options.runtimes.each(CASES, 'overhead', async (runtime) => [await measure(runtime, options)]),
};

/** One side: all its rotations once, and what they took. */
interface Side {
  readonly ground: Ground;
  rotateAll(): Promise<number>;
  cpu(): number;
  close(): Promise<void>;
}

interface Round {
  readonly ms: number;
  readonly cpu: number;
  readonly sandboxCpu: number;
  readonly serverCpu: number;
  readonly calls: Readonly<Record<string, number>>;
}

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<Row> {
  const [size, rounds] = quick ? [SIZE.quick, runs ?? ROUNDS.quick] : [SIZE.full, runs ?? ROUNDS.full];
  const keyturn = await openKeyturn(runtime, size);
  try {
    const bare = await openBare(size);
    try {
      const pairs: { readonly keyturn: Round; readonly bare: Round }[] = [];
      for (let n = 0; n <= rounds; n += 1) {
        const pair = { keyturn: await round(keyturn, runtime), bare: await round(bare, runtime) };
        sameCalls(pair.keyturn.calls, pair.bare.calls);
        // A worker runs for weeks: the first round, in which both sides still compile, is not what it costs.
        if (n > 0) pairs.push(pair);
        say(`${runtime.name}: ${n === 0 ? 'warm-up' : `round ${n} of ${rounds}`}, ${(pair.keyturn.ms / pair.bare.ms).toFixed(2)}×`);
      }
      return { case: `${size} credentials, ${CONCURRENCY} at once`, runtime: runtime.name, figures: figures(pairs, size) };
    } finally {
      await bare.close();
    }
  } finally {
    await keyturn.close();
  }
}

async function openKeyturn(runtime: Runtime, size: number): Promise<Side> {
  const ground = await openGround({ latencyMs: LATENCY_MS });
  const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(size), concurrency: CONCURRENCY });
  let fleet: Fleet | null = null;
  const close = async (): Promise<void> => {
    await fleet?.close();
    await ground.close();
  };
  try {
    fleet = await openFleet(1, { ...runtime, configPath });
    await fleet.bootstrap(size);
  } catch (error) {
    await close();
    throw error;
  }
  const opened = fleet;
  return { ground, rotateAll: () => opened.rotateAll(size), cpu: () => opened.cpu(), close };
}

async function openBare(size: number): Promise<Side> {
  const ground = await openGround({ latencyMs: LATENCY_MS });
  const configPath = ground.configure({ name: 'bare', credentials: credentialNames(size) });
  const hand: Remote = await startRemote('hand-process.ts', { configPath, concurrency: CONCURRENCY } satisfies HandArgument);
  await hand.call('mintAll');
  return {
    ground,
    async rotateAll() {
      const from = performance.now();
      await hand.call('rotateAll');
      return performance.now() - from;
    },
    cpu: () => cpuSeconds(hand.pid),
    async close() {
      await hand.stop();
      await ground.close();
    },
  };
}

async function round(side: Side, runtime: Runtime): Promise<Round> {
  const { sandbox } = side.ground;
  const requests = (): Promise<Readonly<Record<string, number>>> => sandbox.call('requests');
  const before = { calls: await requests(), cpu: side.cpu(), sandboxCpu: side.ground.cpu(), serverCpu: runtime.serverCpu() };
  const ms = await side.rotateAll();
  const [cpu, sandboxCpu, serverCpu] = [side.cpu() - before.cpu, side.ground.cpu() - before.sandboxCpu, runtime.serverCpu() - before.serverCpu];
  const calls = Object.fromEntries(Object.entries(await requests()).map(([route, count]) => [route, count - (before.calls[route] ?? 0)]));
  return { ms, cpu, sandboxCpu, serverCpu, calls };
}

/** Otherwise unlike things would be compared. */
function sameCalls(keyturn: Round['calls'], bare: Round['calls']): void {
  const routes = [...new Set([...Object.keys(keyturn), ...Object.keys(bare)])].sort();
  const different = routes.filter((route) => (keyturn[route] ?? 0) !== (bare[route] ?? 0));
  if (different.length === 0) return;
  throw new Error(`Keyturn and the bare loop did not make the same calls: ${different.map((route) => `${route}: ${keyturn[route] ?? 0} and ${bare[route] ?? 0}`).join('; ')}`);
}

function figures(pairs: readonly { readonly keyturn: Round; readonly bare: Round }[], size: number): Row['figures'] {
  const over = (pick: (pair: { readonly keyturn: Round; readonly bare: Round }) => number) => spread(pairs.map(pick));
  const each = (seconds: number): number => (seconds * 1_000) / size;
  return {
    bare: over(({ bare }) => bare.ms / 1_000), keyturn: over(({ keyturn }) => keyturn.ms / 1_000),
    ratio: over(({ keyturn, bare }) => keyturn.ms / bare.ms), rate: over(({ keyturn }) => (size * 1_000) / keyturn.ms).median,
    calls: over(({ bare }) => Object.values(bare.calls).reduce((sum, n) => sum + n, 0) / size).median,
    bareCpu: over(({ bare }) => each(bare.cpu)).median, keyturnCpu: over(({ keyturn }) => each(keyturn.cpu)).median,
    serverCpu: over(({ keyturn }) => each(keyturn.serverCpu)).median,
    bareSandboxCpu: over(({ bare }) => each(bare.sandboxCpu)).median, sandboxCpu: over(({ keyturn }) => each(keyturn.sandboxCpu)).median,
    cores: over(({ keyturn }) => ((keyturn.cpu + keyturn.serverCpu + keyturn.sandboxCpu) * 1_000) / keyturn.ms).median,
  };
}
