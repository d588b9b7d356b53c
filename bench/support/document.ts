/** The figures in docs/performance.md: one block a benchmark, between comments, each replaced by itself. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'performance.md');

/** Puts `figures` where the text keeps those of the benchmark. Throws when it has no place for them. */
export function replaceFigures(text: string, benchmark: string, figures: string): string {
  const [begin, end] = [`<!-- figures: ${benchmark} -->`, '<!-- end -->'];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`the document has no place for the figures of ${benchmark}: ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${figures.trim()}\n${text.slice(to)}`;
}

export function writeFigures(benchmark: string, figures: string): void {
  writeFileSync(DOCUMENT, replaceFigures(readFileSync(DOCUMENT, 'utf8'), benchmark, figures));
}
