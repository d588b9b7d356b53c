import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import { openBook, type Book } from './support/book.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';

const SIZES = { full: [1_000, 10_000, 100_000], quick: [100, 1_000] };
const RUNS = { full: 5, quick: 2 };
/** Due in each size: a share of it, or always as many. */
const DUES = [
  { label: '1% due', of: (size: number) => size / 100 },
  { label: '10 due', of: () => 10 },
] as const;
/** As much as one sweep takes on. */
const BATCH = 500;
const GOAL_MS = 100;

export const sweep: Benchmark = {
  name: 'sweep',
  measures: `The due sweep over many credentials, all with a current key. Selection: the ledger's answer to what is due. Turn: the whole sweep as the job runs it, which requests a rotation for each that is due (at most ${BATCH} a turn; the next turn takes the rest) and wakes the queue; nobody works on what it wakes. "× the smallest" compares with the fewest credentials of the same run. PostgreSQL's tables are analyzed after filling, as its autovacuum would; the embedded ledger never analyzes.`,
  tables: [
    { title: 'Sweep', columns: [{ figure: 'select', head: 'selection', unit: 'ms' }, { figure: 'selectGrowth', head: 'selection × the smallest', unit: '×' }, { figure: 'turn', head: 'turn', unit: 'ms' }, { figure: 'turnGrowth', head: 'turn × the smallest', unit: '×' }, { figure: 'requested', head: 'requested', unit: '' }, { figure: 'each', head: 'turn by request', unit: 'ms' }] },
    { title: 'Declaring', columns: [{ figure: 'declare', head: 'declare all', unit: 'ms' }, { figure: 'again', head: 'declare all again', unit: 'ms' }] },
  ],
  goals: [
    { figure: 'select', atMost: GOAL_MS, runtimes: ['postgres', 'redis'], cases: '100000' },
    { figure: 'turn', atMost: GOAL_MS, runtimes: ['postgres', 'redis'], cases: '100000' },
  ],
  async run(options) {
    return await options.runtimes.each(['embedded', 'postgres', 'redis'], 'sweep', (runtime) => measure(runtime, options));
  },
};

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  const book = await openBook(directory, runtime);
  try {
    const rows: Row[] = [];
    for (const size of quick ? SIZES.quick : SIZES.full) {
      const declaring = await book.declare(size);
      rows.push({ case: `${size} credentials`, runtime: runtime.name, figures: declaring });
      for (const { label, of } of DUES) {
        rows.push({ case: `${size} credentials, ${label}`, runtime: runtime.name, figures: await sweeps(book, Math.max(1, of(size)), runs ?? (quick ? RUNS.quick : RUNS.full)) });
        say(`${runtime.name}: ${size} credentials, ${label}`);
      }
    }
    return rows.map((row) => ({ ...row, figures: { ...row.figures, ...growth(row, rows) } }));
  } finally {
    await book.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function sweeps(book: Book, due: number, runs: number): Promise<Row['figures']> {
  const [selects, turns, counts]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run <= runs; run += 1) {
    await book.makeDue(due);
    const select = await took(() => book.select(BATCH));
    const turn = await took(() => book.turn());
    if (run === 0) continue; // plans and code warm up
    selects.push(select);
    turns.push(turn);
    counts.push(await book.requested());
  }
  if (counts.some((count) => count !== Math.min(due, BATCH))) throw new Error(`a sweep over ${due} due credentials requested ${counts.join(', ')} rotations`);
  const requested = Math.min(due, BATCH);
  return { select: spread(selects), turn: spread(turns), requested, each: spread(turns).median / requested };
}

/** Against the first row of its kind. */
function growth(row: Row, rows: readonly Row[]): Row['figures'] {
  const kind = row.case.split(', ')[1];
  const first = rows.find((one) => one.case.split(', ')[1] === kind);
  const over = (figure: string): number => valueOf(row, figure) / (first === undefined ? Number.NaN : valueOf(first, figure));
  return row.figures['select'] === undefined ? {} : { selectGrowth: over('select'), turnGrowth: over('turn') };
}

function valueOf(row: Row, figure: string): number {
  const value = row.figures[figure];
  return typeof value === 'object' ? value.median : (value ?? Number.NaN);
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
