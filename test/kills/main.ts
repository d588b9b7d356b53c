/** `npm run kills -- [--runtime embedded|postgres|redis|all] [--kills N] [--seed S] [--keep] [--json]`: exit 1 on any broken promise. */
import { parseArgs } from 'node:util';
import type { RuntimeName } from './config.ts';
import { runOne, type Run } from './drive.ts';
import { summaryLine, type Report } from './report.ts';
import { missingFor } from './servers.ts';

const RUNTIMES: readonly RuntimeName[] = ['embedded', 'postgres', 'redis'];
const { values } = parseArgs({
  options: { runtime: { type: 'string', default: 'all' }, kills: { type: 'string', default: '100' }, seed: { type: 'string' }, keep: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});

await main();

async function main(): Promise<void> {
  const [kills, seed] = [Number(values.kills), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))];
  const chosen = RUNTIMES.filter((runtime) => values.runtime === 'all' || values.runtime === runtime);
  if (chosen.length === 0 || !Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
    process.stderr.write('Nothing was done. --runtime is embedded, postgres, redis or all; --kills and --seed are whole numbers.\n');
    process.exitCode = 2;
    return;
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));
  const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);
  for (const runtime of chosen) {
    const missing = missingFor(runtime);
    if (missing !== null) throw new Error(`${runtime} cannot run here: ${missing}`);
  }
  // Side by side: a run waits most of its time. One that fails lets the others end, and clear up.
  const ends = await Promise.allSettled(chosen.map((runtime) => told({ runtime, kills, seed, keep: values.keep, say })));
  const reports = ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  const broken = reports.flatMap(({ promisesBroken }) => promisesBroken);
  process.stdout.write(values.json ? `${JSON.stringify({ seed, kills, promisesBroken: broken.length, runs: reports })}\n` : `kills: ${reports.map(({ runtime, kills: done }) => `${done} on ${runtime}`).join(', ')}; ${broken.length} promises broken; seed ${seed}\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

async function told(run: Run): Promise<Report> {
  const report = await runOne(run);
  for (const broken of report.promisesBroken) run.say(`BROKEN: ${run.runtime}: ${broken}`);
  if (report.kept !== null) run.say(`Everything of this run is kept in ${report.kept}`);
  run.say(summaryLine(report));
  return report;
}
