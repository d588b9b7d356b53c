import { describe, expect, it } from 'vitest';
import { cellsOf } from '../../src/usage/replay/cells.ts';
import { readRecording, type Series } from '../../src/usage/replay/recording.ts';
import { replay, type Watch } from '../../src/usage/replay/run.ts';
import { svgOf } from '../../src/usage/replay/svg.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-05T00:00:00Z');
const counts = { kind: 'counts', intervalMs: MINUTE } as const;
const metric = { kind: 'metric', intervalMs: MINUTE } as const;
const seriesOf = (values: readonly (number | null)[], name = 'prod'): Series => ({ name, startMs: START, intervalMs: MINUTE, values });
/** Says that everything above 10 is strange. */
const simple: Watch = (value) => ({ score: value > 10 ? value / 10 : 0, actual: value, low: 1, high: 10 });

describe('a recording', () => {
  it('adds requests up by key and minute, in any order, and silence is none', async () => {
    const lines = ['{"at":"2026-01-05T00:02:10Z","key":"a"}', '{"at":1767571200,"key":"a","requests":4}', '{"at":1767571230000,"key":"a"}', '', '{"at":"2026-01-05 00:01:00","key":"b","requests":2}'];
    expect((await readRecording(lines, counts)).series).toEqual([
      { name: 'a', startMs: START, intervalMs: MINUTE, values: [5, 0, 1] },
      { name: 'b', startMs: START + MINUTE, intervalMs: MINUTE, values: [2] },
    ]);
  });

  it('takes CSV as others write it, and the mean of a metric, whose silence is unknown', async () => {
    const lines = ['timestamp,value', '2026-01-05 00:00:00,0.5', '2026-01-05 00:00:30,"1.5"', '2026-01-05 00:02:00,3'];
    expect((await readRecording(lines, metric)).series).toEqual([seriesOf([1, null, 3], 'recording')]);
  });

  it('leaves out what it cannot understand, and says which line and why', async () => {
    const { series, malformed, example } = await readRecording(['{"at":"never","key":"a"}', 'rubbish', '[]', '{"at":1767571200,"key":"a","requests":"many"}', '{"at":1767571200,"key":"a\\u001b[31m\\n"}'], counts);
    expect({ malformed, example }).toEqual({ malformed: 4, example: 'line 1 has no time that could be understood' });
    const negative = ['{"at":1767571200,"key":"a","requests":-3}', '{"at":1767571260,"key":"a","requests":3}'];
    expect(await readRecording(negative, counts)).toMatchObject({ malformed: 1, example: 'line 1 has a number of requests below 0', series: [{ values: [3] }] });
    expect(await readRecording(negative, { ...counts, kind: 'metric' })).toMatchObject({ malformed: 0, series: [{ values: [-3, 3] }] });
    expect(series.map(({ name }) => name)).toEqual(['a\u001b[31m\n']);
  });

  it.each([[[], 'it is empty'], [['when,what', '1,2'], 'neither NDJSON nor CSV'], [['{"at":"1990-01-01 00:00"}', '{"at":1e12}'], 'spans more than']])('refuses %j', async (lines, why) => {
    await expect(readRecording(lines, counts)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(why) });
  });
});

describe('a replay', () => {
  it('joins alerts that are close together into one incident, told by its strangest moment', () => {
    const values = Array.from({ length: 300 }, (_, n) => (n === 20 || n === 70 ? 50 : n === 22 ? 90 : n === 250 ? 20 : 5));
    const { incidents } = replay(seriesOf(values), simple, 2);
    expect(incidents.map(({ fromMs, untilMs, atMs, actual, score }) => [fromMs, untilMs, atMs].map((ms) => (ms - START) / MINUTE).concat(actual, score))).toEqual([
      [20, 71, 22, 90, 9], [250, 251, 250, 20, 2],
    ]);
  });

  it('shows nothing to the detector where nothing is known', () => {
    const seen: number[] = [];
    replay(seriesOf([1, null, 2]), (value, atMs) => {
      seen.push(value, (atMs - START) / MINUTE);
      return { score: 0, actual: value, low: null, high: null };
    }, 1);
    expect(seen).toEqual([1, 0, 2, 2]);
  });

  it('keeps a burst of one minute visible among weeks', () => {
    const values = Array.from({ length: 40_000 }, (_, n) => (n === 31_234 ? 500 : 5));
    const cells = cellsOf(replay(seriesOf(values), simple, 2), 100);
    expect(cells).toHaveLength(100);
    expect(cells.filter(({ incident }) => incident)).toEqual([expect.objectContaining({ most: 500, low: 1, high: 10 })]);
  });

  it('draws a chart that names from outside cannot break out of', () => {
    const svg = svgOf([replay(seriesOf([1, 50, 1, null, 3], '"><script>alert(1)</script>&\u001b\u0000x'), simple, 2), replay(seriesOf([0, 0]), simple, 2)]);
    expect(svg).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp; x: 1 incident');
    expect(svg).toContain('prod: nothing unusual');
    expect(svg).not.toMatch(/<script/);
    expect(svg.split('').filter((char) => char < ' ' && char !== '\n')).toEqual([]);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});
