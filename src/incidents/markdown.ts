/** The document as Markdown (GitHub's, with tables). Texts from outside stand in code spans: nothing in them is a mark, a link or a mention. Pure. */
import { segments } from '../alerts/templates/parts.ts';
import type { Bar, Block, IncidentDocument, Section } from './document.ts';

export function markdownOf({ title, badge, summary, sections, foot }: IncidentDocument): string {
  return `${[`# ${prose(title)}`, `**${prose(badge)}.** ${inline(summary)}`, ...sections.map(section), `---\n\n${inline(foot)}`].join('\n\n')}\n`;
}

function section({ heading, blocks }: Section): string {
  return [`## ${prose(heading)}`, ...blocks.map(block)].join('\n\n');
}

function block(one: Block): string {
  switch (one.block) {
    case 'text': return inline(one.text);
    case 'list': return one.items.map((item) => `- ${inline(item)}`).join('\n');
    case 'facts': return table(['', ''], one.facts.map(([label, value]) => [`**${prose(label)}**`, cell(value)]), []);
    case 'table': return table(one.head.map(prose), one.rows.map((row) => row.map(cell)), one.head.map((head) => one.right.includes(head)));
    case 'bars': return bars(one.bars);
  }
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  return [line(head), line(head.map((_, n) => (right[n] === true ? '---:' : '---'))), ...rows.map(line)].join('\n');
}

const BAR_WIDTH = 30;

function bars(all: readonly Bar[]): string {
  const most = Math.max(1, ...all.map(({ value }) => value));
  const lines = all.map(({ label, value, text }) => `${label}  ${'█'.repeat(Math.ceil((value / most) * BAR_WIDTH)).padEnd(BAR_WIDTH)}  ${text}`);
  return ['```text', ...lines, '```'].join('\n');
}

/** Within a cell a bar must be escaped even in code: GitHub's tables take it before anything else. */
function cell(text: string): string {
  return inline(text).replaceAll('|', String.raw`\|`);
}

function inline(text: string): string {
  return segments(text.replaceAll(/\s+/g, ' ')).map(({ code, text: part }) => (code ? span(part) : prose(part))).join('');
}

/** Code has no escapes: a line of text between single marks holds none of them, as `segments` cuts there. */
function span(text: string): string {
  return `\`${text}\``;
}

const MARKS = /[\\*_~[\]<>#&`]/g;

function prose(text: string): string {
  return text.replaceAll(MARKS, String.raw`\$&`);
}
