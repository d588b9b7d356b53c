/** Recorded traffic, as people have it: NDJSON of requests or counts, or CSV with a header. */
import { KeyturnError } from '../../core/errors.ts';
import { instantOf } from '../../core/usage-fields.ts';

/** One key (or one metric) over time, a value a slot; null where nothing is known. */
export interface Series {
  readonly name: string;
  readonly startMs: number;
  readonly intervalMs: number;
  readonly values: readonly (number | null)[];
}

export interface RecordingOptions {
  /** `counts` are added up by slot, and silence is none; of a `metric` the mean counts, and silence is unknown. */
  readonly kind: 'counts' | 'metric';
  readonly intervalMs: number;
}

export interface Recording {
  readonly series: readonly Series[];
  /** Lines that could not be understood, and what is wrong with the first. */
  readonly malformed: number;
  readonly example: string | null;
}

/** Ten years of minutes. */
const MOST_SLOTS = 5_000_000;
const LONGEST_NAME = 200;
const MOST_KEYS = 10_000;
const ALONE = 'recording';

interface Slot {
  sum: number;
  values: number;
}

interface Point {
  readonly key: string;
  readonly atMs: number;
  readonly value: number;
}

/** Reads lines of NDJSON or CSV, whichever the first one looks like. Throws USAGE when nothing in it can be used, or too much. */
export async function readRecording(lines: AsyncIterable<string> | Iterable<string>, options: RecordingOptions): Promise<Recording> {
  const keys = new Map<string, Map<number, Slot>>();
  let [malformed, example, number] = [0, null as string | null, 0];
  let parse: ((line: string) => Point | string) | null = null;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    if (parse === null) {
      parse = line.trimStart().startsWith('{') ? parseJson : csvParser(line);
      if (parse !== parseJson) continue;
    }
    const point = usable(parse(line), options.kind);
    if (typeof point === 'string') {
      malformed += 1;
      example ??= `line ${number} ${point}`;
    } else add(keys, point, options.intervalMs);
  }
  if (keys.size === 0) throw new KeyturnError('USAGE', `Nothing in the recording can be used${example === null ? ': it is empty' : `: ${example}`}.`, { todo: 'Give NDJSON with `at`, `key` and `requests`, or CSV with a header `timestamp,key,value`.' });
  return { series: [...keys].map(([name, slots]) => seriesOf(name, slots, options)), malformed, example };
}

function add(keys: Map<string, Map<number, Slot>>, { key, atMs, value }: Point, intervalMs: number): void {
  let slots = keys.get(key);
  if (slots === undefined) {
    if (keys.size >= MOST_KEYS) throw new KeyturnError('USAGE', `The recording has more than ${MOST_KEYS} keys.`, { todo: 'Replay a part of it.' });
    keys.set(key, (slots = new Map()));
  }
  const at = Math.floor(atMs / intervalMs);
  const slot = slots.get(at);
  if (slot === undefined) slots.set(at, { sum: value, values: 1 });
  else {
    slot.sum += value;
    slot.values += 1;
  }
}

function seriesOf(name: string, slots: ReadonlyMap<number, Slot>, { kind, intervalMs }: RecordingOptions): Series {
  let [first, last] = [Infinity, -Infinity];
  for (const at of slots.keys()) [first, last] = [Math.min(first, at), Math.max(last, at)];
  if (last - first >= MOST_SLOTS) throw new KeyturnError('USAGE', `The recording of ${name} spans more than ${MOST_SLOTS} intervals.`, { todo: 'Give a longer --interval, or mend its times.' });
  const values = Array.from({ length: last - first + 1 }, (_, n) => {
    const slot = slots.get(first + n);
    if (slot === undefined) return kind === 'counts' ? 0 : null;
    return kind === 'counts' ? slot.sum : slot.sum / slot.values;
  });
  return { name, startMs: first * intervalMs, intervalMs, values };
}

function usable(point: Point | string, kind: RecordingOptions['kind']): Point | string {
  return typeof point !== 'string' && kind === 'counts' && point.value < 0 ? 'has a number of requests below 0' : point;
}

function parseJson(line: string): Point | string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return 'is no JSON';
  }
  if (typeof record !== 'object' || record === null) return 'is no object';
  return pointOf(record['at'] ?? record['timestamp'], record['key'], record['requests'] ?? record['value'] ?? 1);
}

/** The header names the columns, in any order: a time, and a key and a value where there are. */
function csvParser(header: string): (line: string) => Point | string {
  const names = header.split(',').map((name) => name.trim().toLowerCase());
  const column = (...wanted: readonly string[]): number => names.findIndex((name) => wanted.includes(name));
  const [time, key, value] = [column('timestamp', 'at', 'time'), column('key', 'name'), column('value', 'requests', 'count')];
  if (time < 0) throw new KeyturnError('USAGE', 'The recording is neither NDJSON nor CSV with a column `timestamp`.', { todo: 'Give NDJSON with `at`, `key` and `requests`, or CSV with a header `timestamp,key,value`.' });
  return (line) => {
    const cells = line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/s, '$1'));
    return pointOf(cells[time], key < 0 ? undefined : cells[key], value < 0 ? 1 : cells[value]);
  };
}

function pointOf(at: unknown, key: unknown, value: unknown): Point | string {
  const instant = instantOf(at);
  if (instant === null) return 'has no time that could be understood';
  const count = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isFinite(count)) return 'has no value';
  return { atMs: instant.getTime(), key: typeof key === 'string' && key !== '' ? key.slice(0, LONGEST_NAME) : ALONE, value: count };
}
