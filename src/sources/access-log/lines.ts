/** Lines of a file from a place on, in bounded memory. */
import type { FileHandle } from 'node:fs/promises';

/** Longest line that is read, bytes: more than the headers that servers accept, so that no caller hides in a long line. */
export const MAX_LINE = 262_144;
const CHUNK = 65_536;
const LF = 0x0a;

export interface Line {
  /** Null for one that is too long; it is told once, when its length is known to be too much. */
  readonly text: string | null;
  /** Where it begins. */
  readonly from: number;
  /** Where reading goes on after it: the place after its line feed, or within it while it is too long and has not ended. */
  readonly next: number;
  /** True when `next` lies within a line that is to be passed over. */
  readonly within: boolean;
}

/**
 * Whole lines; what stands after the last line feed is left for the next time. Bytes that are no UTF-8 become U+FFFD, so that they
 * make no line unreadable. A run of NULs before a line (a hole left by truncating under a writer) is no part of it.
 */
export async function* linesFrom(file: FileHandle, from: number, within: boolean, signal: AbortSignal): AsyncGenerator<Line> {
  let [begin, position, skipping] = [from, from, within];
  let held: Buffer[] = [];
  let size = 0;
  for (;;) {
    signal.throwIfAborted();
    const buffer = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(buffer, 0, CHUNK, position);
    if (bytesRead === 0) return;
    let start = 0;
    if (size === 0 && !skipping) {
      start = firstNotNul(buffer.subarray(0, bytesRead));
      begin = position + start;
      if (start === bytesRead) yield { text: '', from: begin, next: begin, within: false };
    }
    for (let end = buffer.subarray(0, bytesRead).indexOf(LF, start); end !== -1; end = buffer.subarray(0, bytesRead).indexOf(LF, start)) {
      const next = position + end + 1;
      const whole = size + end - start;
      if (skipping) yield { text: '', from: begin, next, within: false };
      else yield { text: whole > MAX_LINE ? null : textOf([...held, buffer.subarray(start, end)]), from: begin, next, within: false };
      [held, size, start, begin, skipping] = [[], 0, end + 1, next, false];
    }
    position += bytesRead;
    const rest = buffer.subarray(start, bytesRead);
    if (!skipping) {
      held.push(rest);
      size += rest.length;
    }
    if (skipping || size > MAX_LINE) {
      yield { text: skipping ? '' : null, from: begin, next: position, within: true };
      [held, size, skipping] = [[], 0, true];
    }
  }
}

function firstNotNul(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length && bytes[at] === 0) at += 1;
  return at;
}

function textOf(parts: readonly Buffer[]): string {
  const bytes = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  return bytes.toString('utf8', firstNotNul(bytes)).replace(/\r$/, '');
}
