import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lacking, type BenchOptions, type Benchmark, type Row } from './benchmark.ts';
import { Secret } from '../src/core/secret.ts';
import { openLedger } from '../src/ledger/index.ts';
import { builtPackage, startUp } from './support/built.ts';
import { credentialNames, openGround, type Ground } from './support/ground.ts';
import { HAS_PROC, cpuSeconds, memoryOf } from './support/proc.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';
import { ACTOR } from './support/worker.ts';

const MANY = { full: 100_000, quick: 1_000 };
const RUNS = { full: 3, quick: 1 };
/** At rest: so long with hardly any processor time and the same memory. */
const LOOK_MS = 500;
const LOOKS = 8;
const IDLE_SHARE = 0.03;
const SAME_SHARE = 0.01;
const SETTLE_WITHIN_MS = 300_000;

export const memory: Benchmark = {
  name: 'memory',
  measures: `Resident memory of \`keyturn up\`, built, in a process of its own: with one credential, and with ${MANY.full} declared in its configuration. Read once it has been at rest for ${(LOOK_MS * LOOKS) / 1_000} s (under ${IDLE_SHARE * 100}% of a core, memory the same within ${SAME_SHARE * 100}%). All is paused, so that nothing is minted; the first inventory is part of it. The process that reads the configuration, which ends when it has, is not counted. The many are measured once: reading them takes long.`,
  tables: [{ title: 'Memory', columns: [{ figure: 'rss', head: 'at rest', unit: 'MiB' }, { figure: 'peak', head: 'highest', unit: 'MiB' }, { figure: 'up', head: 'until it is up', unit: 's' }] }],
  goals: [{ figure: 'rss', atMost: 200, runtimes: ['postgres', 'redis'] }, { figure: 'rss', atMost: 450, runtimes: ['embedded'] }],
  async run(options) {
    if (!HAS_PROC) return [lacking('memory', null, '/proc')];
    await builtPackage();
    return await options.runtimes.each(['embedded', 'postgres', 'redis'], 'memory', (runtime) => measure(runtime, options));
  },
};

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [credentials, times] of [[1, runs ?? (quick ? RUNS.quick : RUNS.full)], [quick ? MANY.quick : MANY.full, 1]] as const) {
    const ground = await openGround({ latencyMs: 0 });
    try {
      const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(credentials) });
      await pauseAll(ground, runtime);
      const seen: Awaited<ReturnType<typeof atRest>>[] = [];
      for (let n = 0; n < times; n += 1) seen.push(await atRest(configPath, runtime));
      rows.push({
        case: credentials === 1 ? '1 credential' : `${credentials} credentials`, runtime: runtime.name,
        figures: { rss: spread(seen.map(({ now }) => now)), peak: spread(seen.map(({ peak }) => peak)), up: spread(seen.map(({ upAfterMs }) => upAfterMs / 1_000)) },
      });
      say(`${runtime.name}: ${credentials} credentials`);
    } finally {
      await ground.close();
    }
  }
  return rows;
}

/** In the ledger that the worker will find. */
async function pauseAll(ground: Ground, { databaseUrl }: Runtime): Promise<void> {
  const rootKey = new Secret(readFileSync(ground.rootKeyFile, 'utf8'));
  const { ledger } = await openLedger({ dataDir: join(ground.directory, 'keyturn'), rootKey, ...(databaseUrl === null ? {} : { databaseUrl }) });
  await ledger.setPause({ scope: 'all', name: null, actor: ACTOR });
  await ledger.close();
}

async function atRest(configPath: string, runtime: Runtime): Promise<{ readonly now: number; readonly peak: number; readonly upAfterMs: number }> {
  const worker = await startUp(configPath, runtime);
  try {
    await settled(worker.pid);
    return { ...memoryOf(worker.pid), upAfterMs: worker.upAfterMs };
  } finally {
    await worker.stop();
  }
}

async function settled(pid: number): Promise<void> {
  const deadline = performance.now() + SETTLE_WITHIN_MS;
  let looks: { readonly at: number; readonly cpu: number; readonly rss: number }[] = [];
  while (performance.now() < deadline) {
    looks = [...looks, { at: performance.now(), cpu: cpuSeconds(pid), rss: memoryOf(pid).now }].slice(-LOOKS - 1);
    const [first, last] = [looks[0], looks.at(-1)];
    if (looks.length > LOOKS && first !== undefined && last !== undefined) {
      const busy = ((last.cpu - first.cpu) * 1_000) / (last.at - first.at);
      const sizes = looks.map(({ rss }) => rss);
      if (busy < IDLE_SHARE && Math.max(...sizes) - Math.min(...sizes) < last.rss * SAME_SHARE) return;
    }
    await sleep(LOOK_MS);
  }
  throw new Error('the worker does not come to rest');
}
