/**
 * A notice as Slack Block Kit. Limits: https://docs.slack.dev/reference/block-kit/blocks (header 150 characters,
 * section 3,000, field 2,000, ten fields a section, fifty blocks), counted after escaping, as Slack does.
 */
import type { Notice } from '../../core/vocabulary.ts';
import { cleaned, clip, footOf, instant, isIdentifier, lookOf, segments } from './parts.ts';
import type { RenderOptions } from './parts.ts';

interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: true;
}

export interface Mrkdwn {
  readonly type: 'mrkdwn';
  readonly text: string;
  /** Slack must not turn names and addresses in the text into links or mentions. */
  readonly verbatim: true;
}

export type SlackBlock =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'section'; readonly text: Mrkdwn }
  | { readonly type: 'section'; readonly fields: Mrkdwn[] }
  | { readonly type: 'divider' }
  | { readonly type: 'context'; readonly elements: Mrkdwn[] };

export interface SlackMessage {
  /** What notifications and screen readers say. */
  readonly text: string;
  readonly blocks: SlackBlock[];
}

export interface SlackRenderOptions extends RenderOptions {
  /** Who is called when the notice is critical, in Slack's own form: `<!here>`, `<@U123>`, `<!subteam^S123>`. */
  readonly mention?: string;
}

const MAX = { header: 150, section: 3_000, label: 80, value: 1_800, text: 3_500, todoSteps: 10 } as const;
const FIELDS_A_SECTION = 10;
const MAX_FACTS = 20;

export function renderSlack(dirty: Notice, options: SlackRenderOptions = {}): SlackMessage {
  const notice = cleaned(dirty);
  const call = notice.severity === 'critical' && options.mention !== undefined ? `${options.mention} ` : '';
  const title = `${lookOf(notice).emoji} ${notice.title}`;
  const blocks: SlackBlock[] = [
    { type: 'header', text: { type: 'plain_text', text: fit(title, MAX.header), emoji: true } },
    section(`${call}${fit(notice.happened, MAX.section / 2, codeMarks)}\n\n${fit(notice.means, MAX.section / 3, codeMarks)}`),
    ...todoBlocks(notice.todo),
    ...factBlocks(notice.facts),
    { type: 'divider' },
    { type: 'context', elements: [mrkdwn(footText(notice, options.at))] },
  ];
  return { text: `${call}${fit(`${title}: ${notice.happened}`, MAX.text)}`, blocks };
}

function todoBlocks(todo: readonly string[]): SlackBlock[] {
  if (todo.length === 0) return [];
  const shown = todo.slice(0, MAX.todoSteps);
  const room = Math.floor((MAX.section - 200) / shown.length) - 6;
  const lines = shown.map((step, index) => `${index + 1}.  ${fit(step, room, codeMarks)}`);
  if (todo.length > shown.length) lines.push(`… and ${todo.length - shown.length} more`);
  return [section(`*What to do*\n${lines.join('\n')}`)];
}

function factBlocks(facts: Readonly<Record<string, string>>): SlackBlock[] {
  const entries = Object.entries(facts);
  const shown = entries.length > MAX_FACTS ? entries.slice(0, MAX_FACTS - 1) : entries;
  const fields = shown.map(([label, value]) => mrkdwn(`*${fit(label, MAX.label, noMarks)}*\n${factValue(value)}`));
  if (entries.length > shown.length) fields.push(mrkdwn(`*More*\n${entries.length - shown.length} facts left out here`));
  const blocks: SlackBlock[] = [];
  for (let from = 0; from < fields.length; from += FIELDS_A_SECTION) {
    blocks.push({ type: 'section', fields: fields.slice(from, from + FIELDS_A_SECTION) });
  }
  return blocks;
}

function factValue(value: string): string {
  if (value === '') return '–';
  return isIdentifier(value) ? `\`${fit(value, MAX.value, noMarks)}\`` : fit(value, MAX.value, codeMarks);
}

function footText(notice: Notice, at: Date | undefined): string {
  const parts = footOf(notice).map(([label, value]) => `${label} \`${fit(value, 120, noMarks)}\``);
  const when = at === undefined ? [] : [`<!date^${Math.floor(at.getTime() / 1_000)}^{date_short_pretty}, {time}|${instant(at)}>`];
  return ['Keyturn', lookOf(notice).word, ...parts, ...when].join('  ·  ');
}

/** Within inline code Slack knows no escape for its own mark, so a stray one becomes an apostrophe. */
function noMarks(text: string): string {
  return text.replaceAll('`', 'ʼ');
}

/** Keeps pairs of backticks, which Slack renders as code, and disarms everything else that its markup would take as a mark. */
function codeMarks(text: string): string {
  return segments(text)
    .map(({ code, text: part }) => (code ? `\`${part}\`` : noMarks(part).replaceAll(/(?<![\p{L}\p{N}])([*_~])(?=\S)/gu, '\u200B$1\u200B')))
    .join('');
}

/** Clips so that the escaped text still fits, then escapes. Never cuts through an entity. */
function fit(text: string, max: number, marks: (text: string) => string = (plain) => plain): string {
  let room = max;
  for (;;) {
    const escaped = escapeSlack(marks(clip(text, room)));
    if (escaped.length <= max) return escaped;
    room = Math.min(room - 1, Math.floor((room * max) / escaped.length));
  }
}

/** The three characters that Slack's markup gives a meaning: https://docs.slack.dev/messaging/formatting-message-text */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function section(text: string): SlackBlock {
  return { type: 'section', text: mrkdwn(text.trim() === '' ? '–' : text) };
}

function mrkdwn(text: string): Mrkdwn {
  return { type: 'mrkdwn', text, verbatim: true };
}
