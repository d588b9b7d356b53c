/** `scan --replay`: reads a recording, runs the production detectors over it, and shows what they found. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { replayLines, svgOf, type Recording, type Replayed, type ReplayOptions } from '../app/replay.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Cli, Given } from './command.ts';
import { durationOf } from './given.ts';
import { printReplay } from './replay-view.ts';

const DEFAULT_INTERVAL_MS = 60_000;
const LEAST_INTERVAL_MS = 60_000;
const MOST_INTERVAL_MS = 3_600_000;
const DEFAULT_BUDGET = 0.01;
const LONGEST_LINE = 65_536;

export async function replayFile(cli: Cli, file: string, given: Given): Promise<number> {
  const kind = kindOf(given);
  const intervalMs = durationOf(given, 'interval') ?? DEFAULT_INTERVAL_MS;
  if (intervalMs < LEAST_INTERVAL_MS || intervalMs > MOST_INTERVAL_MS) throw new KeyturnError('USAGE', '--interval is from a minute to an hour.', { todo: 'For example --interval 5m.' });
  const budget = budgetOf(given);
  const { recording, replayed } = await readAndReplay(file, { kind, intervalMs, budget });
  const svg = given.text('svg');
  if (svg !== undefined) await writeChart(svg, svgOf(replayed));
  if (cli.json) cli.out.json(jsonOf(recording, replayed));
  else printReplay(cli.out, recording, replayed, svg ?? null);
  return 0;
}

async function writeChart(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw new KeyturnError('USAGE', `The chart cannot be written to ${file}: ${fileProblem(error as NodeJS.ErrnoException)}.`, { cause: error, todo: 'Name a file in a directory that this user may write to.' });
  });
}

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory', EISDIR: 'it is a directory', ENOTDIR: 'what stands for a directory is a file', EACCES: 'this user may not', EPERM: 'this user may not', EROFS: 'the file system is read-only', ENOSPC: 'the disk is full',
  Z_DATA_ERROR: 'it is no gzip, though its name ends in .gz', Z_BUF_ERROR: 'the gzip breaks off in the middle',
};

const fileProblem = (error: NodeJS.ErrnoException): string => FILE_PROBLEMS[error.code ?? ''] ?? error.code ?? error.message;

function kindOf(given: Given): 'counts' | 'metric' {
  const kind = given.text('kind') ?? 'counts';
  if (kind === 'counts' || kind === 'metric') return kind;
  throw new KeyturnError('USAGE', '--kind is `counts` or `metric`.', { todo: 'Leave it out for counts of requests.' });
}

function budgetOf(given: Given): number {
  const text = given.text('budget');
  if (text === undefined) return DEFAULT_BUDGET;
  const budget = Number(text);
  if (budget > 0 && budget <= 10) return budget;
  throw new KeyturnError('USAGE', '--budget takes a number of false incidents a key and week, above 0 and at most 10.', { todo: 'For example --budget 0.01: one in two years a key.' });
}

async function readAndReplay(file: string, options: ReplayOptions): ReturnType<typeof replayLines> {
  const raw = file === '-' ? process.stdin : createReadStream(file);
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  const failed = Promise.withResolvers<never>();
  for (const stream of new Set<NodeJS.ReadableStream>([raw, input])) stream.once('error', (error: NodeJS.ErrnoException) => failed.reject(new KeyturnError('USAGE', `${file} cannot be read: ${fileProblem(error)}.`, { todo: error.code?.startsWith('Z_') === true ? 'Pack or copy the recording again, whole.' : 'Name a file that this user may read.' })));
  return await Promise.race([replayLines(bounded(createInterface({ input, crlfDelay: Infinity })), options), failed.promise]);
}

async function* bounded(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield line.slice(0, LONGEST_LINE);
}

function jsonOf({ malformed, example }: Recording, replayed: readonly Replayed[]): unknown {
  return {
    malformed, example,
    series: replayed.map(({ series, incidents }) => ({
      name: series.name, from: iso(series.startMs), until: iso(series.startMs + series.values.length * series.intervalMs), values: series.values.length,
      incidents: incidents.map(({ fromMs, untilMs, atMs, score, actual, low, high }) => ({ from: iso(fromMs), until: iso(untilMs), worstAt: iso(atMs), score, actual, low, high })),
    })),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
