/**
 * What does a rotation by Keyturn cost, beyond what issuer and stores take? Side by side in one run: a rotation by a whole
 * worker in this process, and the same calls made by hand (support/by-hand.ts) against the same services, in turn.
 */
import { median } from './support/meter.ts';
import { startMoto, startPostgres, startRedis, type Service } from './support/services.ts';
import { openStage, type Measured, type MeasuredRotation, type Stage, type StageOptions } from './support/stage.ts';

export interface RotationCase {
  readonly name: string;
  readonly runtime: 'embedded' | 'postgres' | 'redis';
  readonly stores: StageOptions['stores'];
  readonly latencyMs: number;
}

/** Milliseconds, medians over the runs unless said otherwise. */
export interface RotationFigures {
  readonly name: string;
  readonly runs: number;
  readonly bareMs: number;
  readonly keyturnMs: number;
  readonly ratio: number;
  /** What Keyturn adds: `keyturnMs - bareMs`. */
  readonly ownMs: number;
  /** Of all runs: each against the bare calls made right after it. */
  readonly ownMinMs: number;
  readonly ownMaxMs: number;
  /** Processor time that Keyturn's process spends beyond the bare calls (on PostgreSQL without the server's). */
  readonly ownCpuMs: number;
  /** Of the first rotation after the worker began, when nothing is warm yet; not part of the medians. */
  readonly firstMs: number;
  readonly calls: number;
  /** Where Keyturn's time goes: `outside` waits for issuer and stores, `queue` for the job to begin, `rest` is its own code. */
  readonly shares: Readonly<Record<'outside' | 'ledger' | 'queue' | 'rest', number>>;
  readonly ledgerCalls: number;
  readonly commits: number;
  readonly syncs: number;
  readonly wakes: number;
  readonly jobs: number;
}

export interface Skipped {
  readonly name: string;
  readonly missing: string;
}

const WARM_UPS = 2;

export const ROTATION_CASES: readonly RotationCase[] = [
  { name: 'embedded-env', runtime: 'embedded', stores: ['env'], latencyMs: 0 },
  { name: 'embedded-env-30ms', runtime: 'embedded', stores: ['env'], latencyMs: 30 },
  { name: 'embedded-aws', runtime: 'embedded', stores: ['aws'], latencyMs: 0 },
  { name: 'embedded-aws-env-30ms', runtime: 'embedded', stores: ['aws', 'env'], latencyMs: 30 },
  { name: 'postgres-env', runtime: 'postgres', stores: ['env'], latencyMs: 0 },
  { name: 'postgres-env-30ms', runtime: 'postgres', stores: ['env'], latencyMs: 30 },
  { name: 'redis-env', runtime: 'redis', stores: ['env'], latencyMs: 0 },
  { name: 'redis-env-30ms', runtime: 'redis', stores: ['env'], latencyMs: 30 },
];

/** Starts what the case needs, measures, stops it. */
export async function measureRotation(chosen: RotationCase, runs: number): Promise<RotationFigures | Skipped> {
  const services: Service[] = [];
  const started = async (wanted: boolean, start: () => Promise<Service | null>): Promise<string | null> => {
    const service = wanted ? await start() : null;
    if (service !== null) services.push(service);
    return service?.url ?? null;
  };
  try {
    const wants = { aws: chosen.stores.includes('aws'), postgres: chosen.runtime !== 'embedded', redis: chosen.runtime === 'redis' };
    const awsEndpoint = await started(wants.aws, startMoto);
    const databaseUrl = await started(wants.postgres, startPostgres);
    const redisUrl = await started(wants.redis, startRedis);
    const missing = [wants.aws && awsEndpoint === null ? 'moto_server' : '', wants.postgres && databaseUrl === null ? 'PostgreSQL' : '', wants.redis && redisUrl === null ? 'redis-server' : ''].filter((name) => name !== '');
    if (missing.length > 0) return { name: chosen.name, missing: missing.join(' and ') };
    const stage = await openStage({ ...chosen, awsEndpoint, databaseUrl, redisUrl });
    try {
      return await measure(chosen.name, stage, runs);
    } finally {
      await stage.close();
    }
  } finally {
    for (const service of services.toReversed()) await service.stop();
  }
}

async function measure(name: string, stage: Stage, runs: number): Promise<RotationFigures> {
  const pairs: { keyturn: MeasuredRotation; bare: Measured }[] = [];
  for (let run = 0; run < WARM_UPS + runs; run += 1) {
    const [keyturn, bare] = [await stage.keyturn(), await stage.byHand()];
    sameCalls(keyturn, bare);
    pairs.push({ keyturn, bare });
  }
  const firstMs = pairs[0]?.keyturn.ms ?? Number.NaN;
  return { name, runs, firstMs, ...figures(pairs.slice(WARM_UPS)) };
}

/** Otherwise the two cannot be compared: support/by-hand.ts must follow what src/rotation does. */
function sameCalls(keyturn: Measured, bare: Measured): void {
  if (keyturn.calls.join() === bare.calls.join()) return;
  throw new Error(`the rotation and the calls by hand differ:\nby Keyturn: ${keyturn.calls.join(' ')}\nby hand:    ${bare.calls.join(' ')}`);
}

function figures(pairs: readonly { keyturn: MeasuredRotation; bare: Measured }[]): Omit<RotationFigures, 'name' | 'runs' | 'firstMs'> {
  const over = (pick: (pair: { keyturn: MeasuredRotation; bare: Measured }) => number): number => median(pairs.map(pick));
  const [keyturnMs, bareMs] = [over((pair) => pair.keyturn.ms), over((pair) => pair.bare.ms)];
  const owns = pairs.map((pair) => pair.keyturn.ms - pair.bare.ms);
  const called = (name: string): number => over((pair) => pair.keyturn.ledger[name] ?? 0);
  return {
    bareMs, keyturnMs, ratio: keyturnMs / bareMs, ownMs: keyturnMs - bareMs, ownMinMs: Math.min(...owns), ownMaxMs: Math.max(...owns),
    ownCpuMs: over((pair) => pair.keyturn.cpuMs - pair.bare.cpuMs),
    calls: over((pair) => pair.keyturn.calls.length),
    shares: {
      outside: over((pair) => pair.keyturn.shares.outside), ledger: over((pair) => pair.keyturn.shares.ledger),
      queue: over((pair) => pair.keyturn.shares.queue), rest: over((pair) => pair.keyturn.shares.rest),
    },
    ledgerCalls: over((pair) => Object.values(pair.keyturn.ledger).reduce((sum, n) => sum + n, 0)),
    commits: called('commit'), syncs: called('sync'),
    wakes: over((pair) => pair.keyturn.wakes), jobs: over((pair) => pair.keyturn.jobs),
  };
}
