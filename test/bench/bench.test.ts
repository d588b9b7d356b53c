import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isSkip, judge, lacking, type Benchmark, type Row } from '../../bench/benchmark.ts';
import { BENCHMARKS } from '../../bench/benchmarks.ts';
import { printMarkdown, printTerminal } from '../../bench/print.ts';
import { DOCUMENT, replaceFigures } from '../../bench/support/document.ts';
import { Runtimes } from '../../bench/support/runtimes.ts';
import { percentile, spread } from '../../bench/support/statistics.ts';

const NOT_BENCHMARKS = ['benchmark.ts', 'benchmarks.ts', 'index.ts', 'print.ts'];
const row = (ratio: Row['figures'][string], runtime: Row['runtime'] = 'redis'): Row => ({ case: '500 credentials', runtime, figures: { ratio } });
const example: Benchmark = {
  name: 'example', measures: 'Nothing.', goals: [{ figure: 'ratio', atMost: 1.15, runtimes: ['redis'] }],
  tables: [{ title: 'Time', columns: [{ figure: 'ratio', head: 'ratio', unit: '×' }] }],
  run: async () => [],
};

describe('the benchmarks', () => {
  it('are one file each, and all listed', () => {
    const files = readdirSync(join(import.meta.dirname, '../../bench')).filter((name) => name.endsWith('.ts') && !NOT_BENCHMARKS.includes(name));
    expect(BENCHMARKS.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort());
  });

  it('show every figure that has a goal', () => {
    for (const { goals, tables } of BENCHMARKS) {
      const shown = tables.flatMap(({ columns }) => columns.map(({ figure }) => figure));
      expect(shown).toEqual(expect.arrayContaining(goals.map(({ figure }) => figure)));
    }
  });

  it('each have a place for their figures in docs/performance.md', () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    for (const { name } of BENCHMARKS) expect(replaceFigures(text, name, `figures of ${name}`)).toContain(`<!-- figures: ${name} -->\nfigures of ${name}\n<!-- end -->`);
    expect(() => replaceFigures(text, 'another', '')).toThrow('no place for the figures of another');
  });

  it('measure a real sweep, at a small size', async () => {
    const sweep = BENCHMARKS.find(({ name }) => name === 'sweep');
    const results = await sweep?.run({ runs: 1, quick: true, runtimes: new Runtimes(['embedded']), say: () => undefined });
    expect(results?.map((one) => one.case)).toEqual(['100 credentials', '100 credentials, 1% due', '100 credentials, 10 due', '1000 credentials', '1000 credentials, 1% due', '1000 credentials, 10 due']);
    const requested = results?.flatMap((one) => (isSkip(one) ? [] : (one.figures['requested'] ?? [])));
    expect(requested).toEqual([1, 10, 10, 10]);
  }, 300_000);
});

describe('a figure', () => {
  it('is judged by its median, on the runtimes that its goal names', () => {
    expect(judge(example.goals, row({ median: 1.1, min: 1, max: 9 }), 'ratio')?.kept).toBe(true);
    expect(judge(example.goals, row(1.2), 'ratio')?.kept).toBe(false);
    expect(judge(example.goals, row(1.2, 'embedded'), 'ratio')).toBeNull();
  });

  it('is printed beside its goal, and what was not measured with its reason', () => {
    const results = [row({ median: 1.2, min: 1.1, max: 1.3 }), lacking('example', 'postgres', 'PostgreSQL')];
    expect(printMarkdown(example, results)).toContain('| redis | 500 credentials | 1.20× (1.10× to 1.30×), goal ≤ 1.15: MISSED |');
    for (const print of [printMarkdown, printTerminal]) expect(print(example, results)).toContain('Skipped: example on postgres: PostgreSQL is not on this machine.');
  });

  it('of many is the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7]);
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });
});
