/** One rotation at a time, whole worker in this process: what it adds to the calls that have to be made anyway. */
import { lacking, type BenchOptions, type Benchmark, type Row, type RuntimeName, type Skip } from './benchmark.ts';
import type { Runtime } from './support/runtimes.ts';
import { startMoto, type Service } from './support/services.ts';
import { openStage, type Measured, type MeasuredRotation, type Stage, type StageOptions } from './support/stage.ts';
import { median, spread } from './support/statistics.ts';

interface RotationCase {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly stores: StageOptions['stores'];
  readonly latencyMs: number;
}

const WARM_UPS = 2;
const RUNS = { full: 9, quick: 2 };
/** What a rotation on the embedded runtime may add to the issuer's and the stores' own time, milliseconds. */
const OWN_LIMIT_MS = 250;

const CASES: readonly RotationCase[] = [
  { name: 'embedded-env', runtime: 'embedded', stores: ['env'], latencyMs: 0 },
  { name: 'embedded-env-30ms', runtime: 'embedded', stores: ['env'], latencyMs: 30 },
  { name: 'embedded-aws', runtime: 'embedded', stores: ['aws'], latencyMs: 0 },
  { name: 'embedded-aws-env-30ms', runtime: 'embedded', stores: ['aws', 'env'], latencyMs: 30 },
  { name: 'postgres-env', runtime: 'postgres', stores: ['env'], latencyMs: 0 },
  { name: 'postgres-env-30ms', runtime: 'postgres', stores: ['env'], latencyMs: 30 },
  { name: 'redis-env', runtime: 'redis', stores: ['env'], latencyMs: 0 },
  { name: 'redis-env-30ms', runtime: 'redis', stores: ['env'], latencyMs: 30 },
];

export const rotation: Benchmark = {
  name: 'rotation',
  measures: 'A single rotation by a whole worker, from the request to the commit that says done, and the same calls made by hand with the same plug-ins, in turn (A B A B …) in one process against a sandbox in another. Own time is the difference.',
  tables: [
    { title: 'Time', columns: [{ figure: 'calls', head: 'calls', unit: '' }, { figure: 'bare', head: 'bare', unit: 'ms' }, { figure: 'keyturn', head: 'Keyturn', unit: 'ms' }, { figure: 'ratio', head: 'ratio', unit: '×' }, { figure: 'own', head: 'own', unit: 'ms' }, { figure: 'ownCpu', head: 'own CPU', unit: 'ms' }, { figure: 'first', head: 'first rotation', unit: 'ms' }] },
    { title: 'Where Keyturn\'s time goes, each instant once', columns: [{ figure: 'outside', head: 'issuer and stores', unit: 'ms' }, { figure: 'ledger', head: 'ledger', unit: 'ms' }, { figure: 'queue', head: 'until the job runs', unit: 'ms' }, { figure: 'rest', head: 'its own code', unit: 'ms' }, { figure: 'ledgerCalls', head: 'ledger calls', unit: '' }, { figure: 'commits', head: 'commits', unit: '' }, { figure: 'syncs', head: 'syncs', unit: '' }, { figure: 'jobs', head: 'jobs', unit: '' }, { figure: 'wakes', head: 'wakes', unit: '' }] },
  ],
  goals: [{ figure: 'own', atMost: OWN_LIMIT_MS, runtimes: ['embedded'] }],
  async run(options) {
    const results: (Row | Skip)[] = [];
    for (const one of CASES) results.push(...(await options.runtimes.each([one.runtime], one.name, async (runtime) => [await onRuntime(one, runtime, options)])));
    return results;
  },
};

async function onRuntime(one: RotationCase, runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<Row | Skip> {
  const moto: Service | null = one.stores.includes('aws') ? await startMoto() : null;
  if (one.stores.includes('aws') && moto === null) return lacking(one.name, one.runtime, 'moto_server');
  try {
    const stage = await openStage({ ...one, ...runtime, awsEndpoint: moto?.url ?? null });
    try {
      const row = await measure(one, stage, runs ?? (quick ? RUNS.quick : RUNS.full));
      say(`${one.name}: measured`);
      return row;
    } finally {
      await stage.close();
    }
  } finally {
    await moto?.stop();
  }
}

async function measure({ name, runtime }: RotationCase, stage: Stage, runs: number): Promise<Row> {
  const pairs: { keyturn: MeasuredRotation; bare: Measured }[] = [];
  for (let run = 0; run < WARM_UPS + runs; run += 1) {
    const [keyturn, bare] = [await stage.keyturn(), await stage.byHand()];
    sameCalls(keyturn, bare);
    pairs.push({ keyturn, bare });
  }
  const first = pairs[0]?.keyturn.ms ?? Number.NaN;
  return { case: name, runtime, figures: { first, ...figures(pairs.slice(WARM_UPS)) } };
}

/** Otherwise the two cannot be compared: support/by-hand.ts must follow what src/rotation does. */
function sameCalls(keyturn: Measured, bare: Measured): void {
  if (keyturn.calls.join() === bare.calls.join()) return;
  throw new Error(`the rotation and the calls by hand differ:\nby Keyturn: ${keyturn.calls.join(' ')}\nby hand:    ${bare.calls.join(' ')}`);
}

function figures(pairs: readonly { readonly keyturn: MeasuredRotation; readonly bare: Measured }[]): Row['figures'] {
  const over = (pick: (pair: { readonly keyturn: MeasuredRotation; readonly bare: Measured }) => number): number => median(pairs.map(pick));
  const [keyturn, bare] = [over((pair) => pair.keyturn.ms), over((pair) => pair.bare.ms)];
  const owns = spread(pairs.map((pair) => pair.keyturn.ms - pair.bare.ms));
  const called = (name: string): number => over((pair) => pair.keyturn.ledger[name] ?? 0);
  return {
    bare, keyturn, ratio: keyturn / bare, own: { ...owns, median: keyturn - bare },
    ownCpu: over((pair) => pair.keyturn.cpuMs - pair.bare.cpuMs),
    calls: over((pair) => pair.keyturn.calls.length),
    outside: over((pair) => pair.keyturn.shares.outside), ledger: over((pair) => pair.keyturn.shares.ledger),
    queue: over((pair) => pair.keyturn.shares.queue), rest: over((pair) => pair.keyturn.shares.rest),
    ledgerCalls: over((pair) => Object.values(pair.keyturn.ledger).reduce((sum, n) => sum + n, 0)),
    commits: called('commit'), syncs: called('sync'),
    wakes: over((pair) => pair.keyturn.wakes), jobs: over((pair) => pair.keyturn.jobs),
  };
}
