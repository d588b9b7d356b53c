import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Benchmark, Row } from './benchmark.ts';
import { launcher, startUp } from './support/built.ts';
import { credentialNames, openGround } from './support/ground.ts';
import { median, spread } from './support/statistics.ts';

const RUNS = { full: 21, quick: 3 };
const CREDENTIALS = 10;
const GOAL_MS = 150;

export const startup: Benchmark = {
  name: 'startup',
  measures: `The built command line, from starting the process to its end, in turn with a bare \`node -e 0\`. \`status\` asks a running worker of ${CREDENTIALS} credentials; where the data directory stands in the configuration, the file has to be parsed to find it.`,
  tables: [{ title: 'Start-up', columns: [{ figure: 'ms', head: 'time', unit: 'ms' }, { figure: 'ratio', head: 'to bare node', unit: '×' }, { figure: 'own', head: 'beyond bare node', unit: 'ms' }] }],
  goals: [{ figure: 'ms', atMost: GOAL_MS, cases: 'keyturn' }],
  async run({ runs, quick, say }) {
    const ground = await openGround({ latencyMs: 0 });
    try {
      const configPath = ground.configure({ name: 'keyturn', credentials: credentialNames(CREDENTIALS) });
      const worker = await startUp(configPath, { databaseUrl: null, redisUrl: null });
      try {
        const cli = await launcher();
        const rows = await measure(casesOf(cli, configPath, join(ground.directory, 'keyturn', 'keyturn.sock')), runs ?? (quick ? RUNS.quick : RUNS.full));
        say('measured');
        return rows;
      } finally {
        await worker.stop();
      }
    } finally {
      await ground.close();
    }
  },
};

interface Start {
  readonly label: string;
  readonly args: readonly string[];
}

const BARE: Start = { label: 'node -e 0', args: ['-e', '0'] };

function casesOf(cli: string, configPath: string, socket: string): readonly Start[] {
  return [
    BARE,
    { label: 'keyturn --version', args: [cli, '--version'] },
    { label: 'keyturn status', args: [cli, 'status', '--socket', socket] },
    { label: 'keyturn status, data directory from the configuration', args: [cli, 'status', '--config', configPath] },
  ];
}

async function measure(starts: readonly Start[], runs: number): Promise<readonly Row[]> {
  const times = new Map<Start, number[]>(starts.map((start) => [start, []]));
  for (let run = -1; run < runs; run += 1) {
    for (const start of starts) {
      const ms = await took(start);
      if (run >= 0) times.get(start)?.push(ms); // the first fills the disk cache
    }
  }
  const bare = median(times.get(BARE) ?? []);
  return starts.map((start) => {
    const all = times.get(start) ?? [];
    return { case: start.label, runtime: null, figures: { ms: spread(all), ratio: median(all) / bare, own: median(all) - bare } };
  });
}

/** Throws what the command said when it failed. */
async function took({ args }: Start): Promise<number> {
  const from = performance.now();
  await promisify(execFile)(process.execPath, [...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'] } });
  return performance.now() - from;
}
