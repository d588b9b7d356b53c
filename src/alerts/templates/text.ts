import type { Notice } from '../../core/vocabulary.ts';
import { askOf, bounded, cleaned, footOf, instant } from './parts.ts';
import type { RenderOptions } from './parts.ts';

/** A notice as plain text, for mail readers without HTML and for terminals. Lines are not wrapped. */
export function renderText(dirty: Notice, options: RenderOptions = {}): string {
  const notice = bounded(cleaned(dirty));
  const sections = [
    notice.title,
    [notice.happened, notice.means].filter((text) => text !== '').join('\n\n'),
    askLines(notice),
    todoLines(notice.todo),
    factLines(notice.facts),
    footLine(notice, options.at),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function askLines(notice: Notice): string {
  const ask = askOf(notice);
  return ask === null ? '' : `${ask.label}:\n\n${ask.url}\n\n${ask.note}`;
}

function todoLines(todo: readonly string[]): string {
  if (todo.length === 0) return '';
  const lines = todo.map((step, index) => `  ${index + 1}. ${step.replaceAll('\n', '\n     ')}`);
  return ['What to do:', ...lines].join('\n');
}

function factLines(facts: Readonly<Record<string, string>>): string {
  const width = Math.max(0, ...Object.keys(facts).map((label) => label.length));
  const indent = ' '.repeat(width + 4);
  return Object.entries(facts)
    .map(([label, value]) => `  ${`${label}:`.padEnd(width + 1)} ${value.replaceAll('\n', `\n${indent}`)}`)
    .join('\n');
}

function footLine(notice: Notice, at: Date | undefined): string {
  const parts = footOf(notice).map(([label, value]) => `${label} ${value}`);
  return ['-- ', ['Keyturn', ...parts, ...(at === undefined ? [] : [instant(at)])].join(' · ')].join('\n');
}
