/** Reading findings line by line, and reporting them in pieces: neither a long line nor a long input needs much memory. */
import type { LeakAnswer } from '../app/leak-views.ts';

/** Longer than any finding: what is longer is counted and left out. */
const LONGEST_LINE = 256 * 1024;
/** Of one report. Smaller than what any source may be set to take. */
const PIECE = 900 * 1024;

export interface IntakeCounts {
  readonly lines: number;
  readonly leaks: number;
  readonly ours: number;
  readonly alike: number;
  readonly notUnderstood: number;
}

/** Reports every line of `input`. Throws what `report` throws; what was reported before stays so. */
export async function intake(input: AsyncIterable<Buffer | string>, report: (body: string) => Promise<LeakAnswer>): Promise<IntakeCounts> {
  let counts: IntakeCounts = { lines: 0, leaks: 0, ours: 0, alike: 0, notUnderstood: 0 };
  let piece = '';
  const send = async (): Promise<void> => {
    if (piece === '') return;
    const { leaks = 0, ours = 0, alike = 0, malformed = 0 } = await report(piece);
    counts = { ...counts, leaks: counts.leaks + leaks, ours: counts.ours + ours, alike: counts.alike + alike, notUnderstood: counts.notUnderstood + malformed };
    piece = '';
  };
  for await (const line of linesOf(input)) {
    counts = { ...counts, lines: counts.lines + 1, notUnderstood: counts.notUnderstood + (line === null ? 1 : 0) };
    if (line === null) continue;
    if (piece.length + line.length > PIECE) await send();
    piece += `${line}\n`;
  }
  await send();
  return counts;
}

/** Lines that hold something; null for one that is too long. */
async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<string | null> {
  const decoder = new TextDecoder();
  let rest = '';
  let cut = false;
  for await (const chunk of input) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      if (cut || part.length > LONGEST_LINE) yield null;
      else if (part.trim() !== '') yield part;
      cut = false;
    }
    if (rest.length > LONGEST_LINE) [rest, cut] = ['', true];
  }
  if (cut || rest.length > LONGEST_LINE) yield null;
  else if (rest.trim() !== '') yield rest;
}
