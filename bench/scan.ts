import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ruleSettings } from '../src/config/index.ts';
import { parseConfig } from '../src/config/load.ts';
import { openLedger, type OpenLedger } from '../src/ledger/index.ts';
import { createCountsDetector } from '../src/usage/detect/counts/index.ts';
import { scanSource, type Scanning, type SourceScan } from '../src/usage/scan/scan.ts';
import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import { fill, ROOT_KEY } from './support/book.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-03-02T00:00:00Z');
const SOURCE = 'audit';
const SIZES = {
  full: { credentials: 1_000, behind: 100, behindMinutes: 1_440 },
  quick: { credentials: 50, behind: 10, behindMinutes: 120 },
};
const RUNS = { full: 5, quick: 2 };
/** 2 million a second on one core. */
const GOAL_US = 0.5;
const GOAL_BYTES = 2_048;

export const scan: Benchmark = {
  name: 'scan',
  measures: 'Usage scanned: counts of credentials by minute, read from the ledger, fed to their detectors, judged by all rules, states written back. Alone: the same number of counts through the detectors only, in memory, on one core. A minute: every credential has one new minute, as in each scan of a busy installation. Behind: a day of minutes at once, as after downtime. A key-minute is one minute of one credential.',
  tables: [
    { title: 'Scan', columns: [{ figure: 'rate', head: 'key-minutes', unit: '/s' }, { figure: 'each', head: 'each', unit: 'µs' }, { figure: 'ratio', head: 'against the detectors alone', unit: '×' }, { figure: 'took', head: 'took', unit: 'ms' }] },
    { title: 'Detectors alone', columns: [{ figure: 'aloneRate', head: 'key-minutes', unit: '/s' }, { figure: 'alone', head: 'each', unit: 'µs' }, { figure: 'bytes', head: 'bytes of state a credential', unit: '' }] },
  ],
  goals: [{ figure: 'alone', atMost: GOAL_US }, { figure: 'bytes', atMost: GOAL_BYTES }],
  async run(options) {
    return await options.runtimes.each(['embedded', 'postgres'], 'scan', (runtime) => measure(runtime, options));
  },
};

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  const opened = await openLedger({ dataDir: directory, rootKey: ROOT_KEY, ...(runtime.databaseUrl === null ? {} : { databaseUrl: runtime.databaseUrl }) });
  try {
    const size = quick ? SIZES.quick : SIZES.full;
    const times = runs ?? (quick ? RUNS.quick : RUNS.full);
    await fill(opened, size.credentials);
    const rows = [await minuteByMinute(opened, size.credentials, times), await behind(opened, size, times)];
    say(`${runtime.name}: ${size.credentials} credentials`);
    const alone = aloneFor(size, times);
    return rows.map(({ label, took, keyMinutes }): Row => {
      const each = took.map((ms, n) => (ms * 1_000) / (keyMinutes[n] ?? Number.NaN));
      return {
        case: label, runtime: runtime.name,
        figures: { rate: spread(each.map((us) => 1e6 / us)), each: spread(each), ratio: spread(each.map((us) => us / alone.each)), took: spread(took), alone: alone.each, aloneRate: 1e6 / alone.each, bytes: alone.bytes },
      };
    });
  } finally {
    await opened.ledger.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Timed {
  readonly label: string;
  readonly took: readonly number[];
  readonly keyMinutes: readonly number[];
}

function scanningOn({ ledger, scans }: OpenLedger): Scanning {
  const settings = ruleSettings(parseConfig('/nowhere/keyturn.yaml', 'version: 1', { env: {} }).config);
  return { ledger, scans, settingsOf: () => settings };
}

async function minuteByMinute(opened: OpenLedger, credentials: number, times: number): Promise<Timed> {
  const [took, keyMinutes]: [number[], number[]] = [[], []];
  await use(opened, 1, credentials, START, 60);
  await scanned(opened, START, START + 60 * MINUTE);
  for (let run = 0; run <= times; run += 1) {
    const from = START + (60 + run) * MINUTE;
    await use(opened, 1, credentials, from, 1);
    const one = await timed(() => scanned(opened, from, from + MINUTE));
    if (run === 0) continue; // plans and code warm up
    took.push(one.ms);
    keyMinutes.push(expect(one.result.keyMinutes, credentials));
  }
  return { label: `a minute of ${credentials} credentials`, took, keyMinutes };
}

async function behind(opened: OpenLedger, { behind: count, behindMinutes }: (typeof SIZES)['full'], times: number): Promise<Timed> {
  const [took, keyMinutes]: [number[], number[]] = [[], []];
  for (let run = 0; run <= times; run += 1) {
    const from = START + 10 * 86_400_000 + run * behindMinutes * MINUTE;
    // Those that are known already: the first run teaches them.
    await use(opened, 1, count, from, behindMinutes);
    const one = await timed(() => scanned(opened, from, from + behindMinutes * MINUTE));
    if (run === 0) continue;
    took.push(one.ms);
    keyMinutes.push(expect(one.result.keyMinutes, count * behindMinutes));
  }
  return { label: `${behindMinutes} minutes of ${count} credentials`, took, keyMinutes };
}

function expect(actual: number, wanted: number): number {
  if (actual !== wanted) throw new Error(`a scan took ${actual} key-minutes, not ${wanted}`);
  return actual;
}

async function scanned(opened: OpenLedger, from: number, until: number): Promise<SourceScan> {
  return await scanSource(scanningOn(opened), { source: SOURCE, from, until, shown: until, also: [] }, new AbortController().signal);
}

/** Some twenty requests in each minute. */
async function use({ pool }: OpenLedger, first: number, last: number, from: number, minutes: number): Promise<void> {
  await pool.query(
    `insert into keyturn.usage_minutes (key_id, source, at, requests, failed, denied, addresses)
     select 'Kprod-app-' || n, $1, to_timestamp($2::float8 / 1000) + m * interval '1 minute', 10 + (n * 7 + m * 13) % 20, 0, 0, 0::bit(512)
     from generate_series($3::int, $4::int) n, generate_series(0, $5::int - 1) m`, [SOURCE, from, first, last, minutes]);
}

/** Each detector gets its share of the counts that a scan of the second case takes. */
function aloneFor({ behind: count, behindMinutes }: (typeof SIZES)['full'], times: number): { readonly each: number; readonly bytes: number } {
  const detectors = Array.from({ length: count }, () => createCountsDetector());
  const each: number[] = [];
  let bytes = 0;
  for (let run = 0; run <= times; run += 1) {
    const began = performance.now();
    detectors.forEach((detector, n) => {
      for (let m = 0; m < behindMinutes; m += 1) detector.next(10 + ((n * 7 + m * 13) % 20), START + (run * behindMinutes + m) * MINUTE);
    });
    if (run > 0) each.push(((performance.now() - began) * 1_000) / (count * behindMinutes));
    bytes = Math.max(...detectors.map((detector) => detector.save().length));
  }
  return { each: spread(each).median, bytes };
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const from = performance.now();
  const result = await work();
  return { ms: performance.now() - from, result };
}
