/** `npm run kills -- [--runtime embedded|postgres|redis|all] [--kills N] [--seed S] [--keep] [--json]`: exit 1 on any broken promise. */
import { parseArgs } from 'node:util';
import type { RuntimeName } from './config.ts';
import { runOne } from './drive.ts';
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
  const reports: Report[] = [];
  for (const runtime of chosen) {
    const missing = missingFor(runtime);
    if (missing !== null) throw new Error(`${runtime} cannot run here: ${missing}`);
    const report = await runOne({ runtime, kills, seed, keep: values.keep, say });
    reports.push(report);
    for (const broken of report.promisesBroken) say(`BROKEN: ${broken}`);
    if (report.kept !== null) say(`Everything of this run is kept in ${report.kept}`);
    say(summaryLine(report));
  }
  const broken = reports.flatMap(({ promisesBroken }) => promisesBroken);
  process.stdout.write(values.json ? `${JSON.stringify({ seed, kills, promisesBroken: broken.length, runs: reports })}\n` : `kills: ${reports.map(({ runtime, kills: done }) => `${done} on ${runtime}`).join(', ')}; ${broken.length} promises broken; seed ${seed}\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
