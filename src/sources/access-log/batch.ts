/** What one read has gathered, within its bounds. */
import { basename } from 'node:path';
import { shownText } from '../../core/usage-fields.ts';
import type { ReadRecord } from '../../core/usage-record.ts';
import type { UsageEvent } from '../../core/usage.ts';
import { MAX_BATCH, type UsageBatch } from '../../ports/usage-source.ts';
import type { Line } from './lines.ts';
import type { AccessLogOptions } from './options.ts';

/** Read from files in one batch, bytes. */
const MAX_BYTES = 16 * 1024 * 1024;
const LONGEST_QUOTE = 100;
const LONGEST_EXAMPLE = 300;
/** Shorter than what is masked elsewhere: here a whole line is shown, wherever a key may stand in it. */
const TOKEN = /[A-Za-z0-9_+/=-]{12,}/g;

export class Batch {
  readonly #events: UsageEvent[] = [];
  readonly #options: AccessLogOptions;
  readonly #parse: (line: string) => ReadRecord;
  readonly #deadline: number;
  #bytes = 0;
  #malformed = 0;
  #example: string | null = null;
  #stopped = false;
  #reached: number | null = null;

  /** `deadline` in the time of `performance.now()`: what was read until then is handed over. */
  constructor(options: AccessLogOptions, parse: (line: string) => ReadRecord, deadline: number) {
    this.#options = options;
    this.#parse = parse;
    this.#deadline = deadline;
  }

  /** Time of the newest line of the log that is being read, epoch milliseconds; null where none had one. */
  get reached(): number | null {
    return this.#reached;
  }

  /** Whether something was left for lack of room or time. */
  get stopped(): boolean {
    return this.#stopped;
  }

  beginLog(reached: number | null): void {
    this.#reached = reached;
  }

  /** Whether a line of so many bytes has no room any more; from then on, none has. */
  full(bytes: number): boolean {
    const some = this.#bytes > 0;
    this.#stopped ||= this.#events.length >= MAX_BATCH || (some && (this.#bytes + bytes > MAX_BYTES || performance.now() > this.#deadline));
    return this.#stopped;
  }

  take({ text, from, next }: Line, file: string): void {
    this.#bytes += next - from;
    if (text === null) this.#wrong(file, from, 'length is too much', null);
    else if (text.trim() !== '') this.#judge(this.#parse(text), text, file, from);
  }

  #judge(read: ReadRecord, text: string, file: string, from: number): void {
    if (read.is === 'malformed') return this.#wrong(file, from, read.problem, text);
    this.#reached = Math.max(this.#reached ?? 0, read.at.getTime());
    if (read.is === 'event') this.#events.push(read.event);
  }

  /** Where the log holds values of keys, nothing of a line is quoted: nobody knows where in it one stands. */
  #wrong(file: string, from: number, problem: string, text: string | null): void {
    this.#malformed += 1;
    if (this.#example !== null) return;
    const quote = text === null || this.#options.key.by === 'value' ? '' : `: ${shownText(text, LONGEST_QUOTE).replace(TOKEN, (run) => `${run.slice(0, 4)}…`)}`;
    this.#example = shownText(`${basename(file)} at byte ${from}, a line whose ${problem}${quote}`, LONGEST_EXAMPLE);
  }

  done(cursor: unknown, seenUntil: Date | null): UsageBatch {
    return { events: this.#events, cursor, seenUntil, more: this.stopped, malformed: this.#malformed, example: this.#example };
  }
}
