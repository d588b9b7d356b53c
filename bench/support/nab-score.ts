/** The scoring of the Numenta Anomaly Benchmark, written anew from its description (Lavin and Ahmad 2015, arXiv:1510.03336). */

/** What a missed window, a detected one and a row of false alarm count for. */
export interface Profile {
  readonly name: string;
  readonly falseAlarm: number;
  readonly miss: number;
}

export const PROFILES: readonly Profile[] = [
  { name: 'standard', falseAlarm: 0.11, miss: 1 },
  { name: 'reward low FP rate', falseAlarm: 0.22, miss: 1 },
  { name: 'reward low FN rate', falseAlarm: 0.11, miss: 2 },
];

export interface ScoredSeries {
  readonly scores: Float64Array;
  /** Rows, first and last, in order. */
  readonly windows: readonly (readonly [first: number, last: number])[];
}

export interface NabResult {
  /** 0: as good as a detector that says nothing; 100: perfect. */
  readonly score: number;
  readonly threshold: number;
  readonly found: number;
  readonly falseRows: number;
}

interface Row {
  readonly score: number;
  /** What an alert is worth here: to 1 in a window (earlier is more), from 0 to −1 after one. */
  readonly worth: number;
  /** Of all windows; −1 outside. */
  readonly window: number;
}

/** Rows at the beginning that do not count. */
export function probation(rows: number): number {
  return Math.min(Math.floor(0.15 * rows), 750);
}

/** The benchmark's sigmoid: −1 is the left edge of a window, 0 its right edge; what is far behind one counts in full. */
function sigmoid(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

/** With the threshold that serves the profile best over all the series together, as the benchmark has it. */
export function nabScore(series: readonly ScoredSeries[], profile: Profile): NabResult {
  const [rows, reachable] = rowsOf(series);
  const windows = series.reduce((sum, one) => sum + one.windows.length, 0);
  const silent = -profile.miss * reachable;
  const best = Float64Array.from({ length: windows }, () => -profile.miss);
  let [raw, found, falseRows] = [silent, 0, 0];
  let top = { raw, threshold: Infinity, found, falseRows };
  for (const [n, { score, worth, window }] of rows.entries()) {
    if (window < 0) [raw, falseRows] = [raw + worth * profile.falseAlarm, falseRows + 1];
    else {
      if (best[window] === -profile.miss) found += 1;
      raw += Math.max(0, worth - best[window]!);
      best[window] = Math.max(best[window]!, worth);
    }
    if (rows[n + 1]?.score !== score && raw > top.raw) top = { raw, threshold: score, found, falseRows };
  }
  return { ...top, score: (100 * (top.raw - silent)) / (windows - silent) };
}

/** Highest score first; and how many windows reach beyond probation. */
function rowsOf(series: readonly ScoredSeries[]): readonly [rows: readonly Row[], reachable: number] {
  const rows: Row[] = [];
  let [reachable, before] = [0, 0];
  for (const { scores, windows } of series) {
    const skip = probation(scores.length);
    for (let row = skip; row < scores.length; row += 1) rows.push({ score: scores[row]!, ...placeOf(row, windows, before) });
    reachable += windows.filter(([, last]) => last >= skip).length;
    before += windows.length;
  }
  return [rows.sort((a, b) => b.score - a.score), reachable];
}

function placeOf(row: number, windows: ScoredSeries['windows'], before: number): Omit<Row, 'score'> {
  const next = windows.findIndex(([, last]) => row <= last);
  const within = windows[next];
  if (within !== undefined && row >= within[0]) {
    return { worth: sigmoid(-(within[1] - row + 1) / (within[1] - within[0] + 1)) / sigmoid(-1), window: before + next };
  }
  const past = windows[(next < 0 ? windows.length : next) - 1];
  return { worth: past === undefined ? -1 : sigmoid((row - past[1]) / (past[1] - past[0])), window: -1 };
}
