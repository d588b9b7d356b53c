/** Access-log files as a usage source: followed across rotation and truncation, in bounded batches. */
import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { KeyturnError } from '../../core/errors.ts';
import { readRecord, type RecordRules } from '../../core/usage-record.ts';
import type { ReadRequest, UsageBatch, UsageSource } from '../../ports/usage-source.ts';
import { Batch } from './batch.ts';
import { bounded, MAX_FILES, newLog, parseCursor, placesOf, type Log, type Place } from './cursor.ts';
import { familiesOf, openFile, tailOf, type Family, type Opened } from './files.ts';
import { lineParser, type ParseLine } from './formats.ts';
import { linesFrom } from './lines.ts';
import { DEFAULT_LATENESS_MS, DEFAULT_TIMEOUT_MS, type AccessLogOptions } from './options.ts';

export type { AccessLogOptions, FieldNames } from './options.ts';

/** Logs that one path may mean: for each there must be room to remember a rotated file or two. */
const MOST_LOGS = MAX_FILES / 3;

/** Throws CONFIG_INVALID for a pattern that is none. */
export function createAccessLogSource(options: AccessLogOptions): UsageSource {
  const parse = lineParser(options);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const read = (request: ReadRequest, signal: AbortSignal): Promise<UsageBatch> => readLogs(options, parse, request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), timeoutMs);
  return {
    name: options.name,
    type: 'access-log',
    describe: `access log ${options.path}`,
    clue: options.key.by,
    callTimeoutMs: timeoutMs,
    read,
    async probe(signal) {
      const now = new Date();
      const logs = await familiesOf(options.name, options.path);
      if (logs.length === 0) return [`No file matches ${options.path}.`];
      if (!options.path.includes('*') && !(await exists(options.path))) return [`There is no file ${options.path} yet, so nothing is read: is the path right?`];
      const { malformed, example } = await read({ cursor: null, now, since: new Date(now.getTime() - 600_000) }, signal);
      return malformed === 0 ? [] : [`${malformed} lines of ${options.path} could not be understood: ${example}.`];
    },
  };
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

async function readLogs(options: AccessLogOptions, parse: ParseLine, request: ReadRequest, signal: AbortSignal, timeoutMs: number): Promise<UsageBatch> {
  const cursor = parseCursor(request.cursor, request.since);
  const rules: RecordRules = { clue: options.key.by, fingerprint: options.fingerprint, now: request.now, oldest: new Date(cursor.since), ...(options.denied === undefined ? {} : { denied: options.denied }) };
  const batch = new Batch(options, (line) => {
    const raw = parse(line);
    return raw === null ? { is: 'malformed', problem: `shape is not that of ${options.pattern === undefined ? options.format : 'the pattern'}` } : readRecord(raw, rules);
  }, performance.now() + timeoutMs / 2);
  try {
    signal.throwIfAborted();
    const families = await familiesOf(options.name, options.path);
    if (families.length > MOST_LOGS) throw tooMany(options, families.length);
    const present: Record<string, Log> = {};
    for (const family of families) {
      const name = nameOf(family);
      const log = await readFamily(options, family, cursor.logs[name] ?? newLog(cursor), batch, signal);
      present[name] = bounded(log.log, log.unread, Math.floor(MAX_FILES / families.length));
    }
    // A live log that is missing just now, between two steps of a rotation, is not forgotten.
    const missing = Object.entries(cursor.logs).filter(([name]) => present[name] === undefined);
    const logs = Object.fromEntries([...Object.entries(present), ...missing].slice(0, MOST_LOGS));
    return batch.done({ ...cursor, logs }, seenUntil(Object.values(present), options, request.now));
  } catch (thrown) {
    if (thrown instanceof KeyturnError) throw thrown;
    throw unavailable(options, signal);
  }
}

function nameOf({ live }: Family): string {
  return createHash('sha256').update(live).digest('base64url').slice(0, 8);
}

/** The files of one log, oldest first and the live one last, from where each was left. */
async function readFamily(options: AccessLogOptions, family: Family, log: Log, batch: Batch, signal: AbortSignal): Promise<{ readonly log: Log; readonly unread: ReadonlySet<Place> }> {
  const opened: Opened[] = [];
  try {
    const known = new Set(log.f.map((place) => place.i));
    for (const name of family.names) {
      const one = await openFile(options.name, name, log.b, known);
      if (one !== null) opened.push(one);
    }
    const placed = [...(await placesOf(opened, family.live, log.f))].flatMap(([one, place]) => (place === null ? [] : [{ one, place }]));
    placed.sort((a, b) => Number(a.one.name === family.live) - Number(b.one.name === family.live) || a.one.changed - b.one.changed || (a.one.name < b.one.name ? 1 : -1));
    batch.beginLog(log.w);
    const [places, unread] = [[] as Place[], new Set<Place>()];
    for (const { one, place } of placed) {
      const after = await readFile(one, place, batch, signal);
      // One that was not begun for lack of room is found again.
      if (batch.stopped && after.o === 0 && !known.has(after.i)) continue;
      places.push(after);
      if (after.o < one.size) unread.add(after);
    }
    return { log: { ...log, w: batch.reached, f: [...places, ...unseen(log.f, places)] }, unread };
  } finally {
    await Promise.allSettled(opened.map(({ file }) => file.close()));
  }
}

/** Files that were not there: renamed or copied while the directory was read, or gone. Remembered until there are too many. */
function unseen(known: readonly Place[], places: readonly Place[]): readonly Place[] {
  return known.filter((before) => !places.some((now) => now.h === before.h && (now.i === before.i || now.o >= before.o)));
}

async function readFile({ file, name }: Opened, place: Place, batch: Batch, signal: AbortSignal): Promise<Place> {
  let [o, s] = [place.o, place.s];
  for await (const line of linesFrom(file, o, s, signal)) {
    if (batch.full(line.next - line.from)) break;
    batch.take(line, name);
    [o, s] = [line.next, line.within];
  }
  return o === place.o ? place : { ...place, o, s, t: await tailOf(file, o) };
}

/** As far as the lines of every log reach: a log in which nothing is written says nothing. */
function seenUntil(logs: readonly Log[], { latenessMs }: AccessLogOptions, now: Date): Date | null {
  const reached = logs.map(({ w }) => w);
  if (reached.length === 0 || reached.includes(null)) return null;
  return new Date(Math.min(now.getTime(), ...reached.map(Number)) - (latenessMs ?? DEFAULT_LATENESS_MS));
}

function tooMany({ name, path }: AccessLogOptions, count: number): KeyturnError {
  return new KeyturnError('SOURCE_REFUSED', `Usage source ${name} would follow ${count} logs: ${path} matches more than ${MOST_LOGS}.`, { todo: 'Give a narrower path, or several sources.', effect: 'none' });
}

function unavailable({ name, path }: AccessLogOptions, signal: AbortSignal): KeyturnError {
  const why = signal.aborted ? 'it was not waited for any longer' : 'reading failed in the middle of a file';
  return new KeyturnError('SOURCE_UNAVAILABLE', `Usage source ${name} can't be read now: of ${path}, ${why}.`, { todo: 'It is tried again by itself; if it lasts, look at the disk.', effect: 'none' });
}
