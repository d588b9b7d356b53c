/** `npm run bench [-- --only NAME] [--runtime NAME] [--runs N] [--quick] [--json] [--markdown] [--write]`: measures, and prints figures beside their goals. */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { RUNTIME_NAMES, isSkip, judge, type Benchmark, type Row, type RuntimeName, type Skip } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';
import { machineLine, printMarkdown, printTerminal, type Machine } from './print.ts';
import { writeFigures } from './support/document.ts';
import { Runtimes } from './support/runtimes.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] }, runtime: { type: 'string', multiple: true, default: [] }, runs: { type: 'string' },
    quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, markdown: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();

async function main(): Promise<void> {
  const runs = values.runs === undefined ? null : Number(values.runs);
  const chosen = BENCHMARKS.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  const names = RUNTIME_NAMES.filter((name) => values.runtime.length === 0 || values.runtime.includes(name));
  const unknown = [...values.only.filter((name) => !BENCHMARKS.some((one) => one.name === name)), ...values.runtime.filter((name) => !RUNTIME_NAMES.includes(name as RuntimeName))];
  if (unknown.length > 0 || (runs !== null && (!Number.isInteger(runs) || runs < 1))) {
    console.error(`Nothing to measure. --only takes ${BENCHMARKS.map(({ name }) => name).join(', ')}; --runtime ${RUNTIME_NAMES.join(', ')}; --runs a whole number.`);
    process.exitCode = 2;
    return;
  }
  // The AWS store's default credential chain; moto accepts anything.
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_EC2_METADATA_DISABLED: 'true' });
  const load = loadavg()[0] ?? Number.NaN;
  const measured = await measure(chosen, names, runs);
  const machine: Machine = { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version, load: [load, loadavg()[0] ?? Number.NaN] };
  report(machine, measured);
}

interface Result {
  readonly benchmark: Benchmark;
  readonly results: readonly (Row | Skip)[];
  /** Why it ended before its time; null when it did not. */
  readonly failure: string | null;
  readonly seconds: number;
}

/** A benchmark that fails keeps no other from being measured. */
async function measure(chosen: readonly Benchmark[], names: readonly RuntimeName[], runs: number | null): Promise<readonly Result[]> {
  const runtimes = new Runtimes(names);
  const all: Result[] = [];
  try {
    for (const benchmark of chosen) {
      const [from, say] = [performance.now(), (line: string) => console.error(`  ${benchmark.name}: ${line}`)];
      const done = (results: Result['results'], failure: string | null): void => void all.push({ benchmark, results, failure, seconds: (performance.now() - from) / 1_000 });
      try {
        done(await benchmark.run({ runs, quick: values.quick, runtimes, say }), null);
      } catch (error) {
        done([], error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
    }
  } finally {
    await runtimes.close();
  }
  return all;
}

function report(machine: Machine, measured: readonly Result[]): void {
  console.log(`${machineLine(machine)}${values.quick ? ' Small sizes: no figures to compare with.' : ''}\n`);
  for (const { benchmark, results, failure, seconds } of measured) {
    console.log(values.markdown ? `### ${benchmark.name}\n\n${printMarkdown(benchmark, results)}` : printTerminal(benchmark, results));
    console.log(failure === null ? `Measured in ${seconds.toFixed(0)} s.\n` : `FAILED: ${failure}\n`);
  }
  if (values.write) write(machine, measured);
  const failed = measured.some(({ failure, results }) => failure !== null || results.some((one) => isSkip(one) && one.failed));
  const missed = measured.flatMap(({ benchmark, results }) => results.flatMap((one) => (isSkip(one) ? [] : missedIn(benchmark, one))));
  console.log(missed.length > 0 ? `Goals missed: ${missed.join('; ')}.` : failed ? 'Every goal of what was measured is kept.' : 'Every goal is kept.');
  if (values.json) console.log(JSON.stringify({ machine, quick: values.quick, missed, benchmarks: measured.map(asJson) }));
  if (missed.length > 0 || failed) process.exitCode = 1;
}

/** Into docs/performance.md: whole runs at full size only, since the page says that figures are of one run. */
function write(machine: Machine, measured: readonly Result[]): void {
  if (values.quick || values.runtime.length > 0) return console.error('Nothing was written: figures of small sizes or of single runtimes do not belong into the document.');
  for (const { benchmark, results, failure } of measured) {
    if (failure === null) writeFigures(benchmark.name, `${printMarkdown(benchmark, results)}\n${machineLine(machine)}`);
  }
}

function missedIn(benchmark: Benchmark, row: Row): readonly string[] {
  const figures = Object.keys(row.figures).filter((figure) => judge(benchmark.goals, row, figure)?.kept === false);
  return figures.map((figure) => `${benchmark.name} ${figure}, ${row.case}${row.runtime === null ? '' : ` on ${row.runtime}`}`);
}

function asJson({ benchmark, results, failure, seconds }: Result) {
  const { name, measures, goals } = benchmark;
  const judged = results.map((one) => (isSkip(one) ? one : { ...one, goals: verdicts(benchmark, one) }));
  return { name, measures, goals, seconds, failure, results: judged };
}

function verdicts(benchmark: Benchmark, row: Row): Readonly<Record<string, { readonly atMost: number; readonly kept: boolean }>> {
  const found = Object.keys(row.figures).map((figure) => [figure, judge(benchmark.goals, row, figure)] as const);
  return Object.fromEntries(found.flatMap(([figure, verdict]) => (verdict === null ? [] : [[figure, { atMost: verdict.goal.atMost, kept: verdict.kept }]])));
}
