/**
 * A notice as Slack Block Kit. Limits: https://docs.slack.dev/reference/block-kit/blocks (header 150 characters,
 * section 3,000, field 2,000, ten fields a section, fifty blocks), counted after escaping, as Slack does. Undocumented:
 * beyond some 13,000 characters of blocks Slack fails, so texts are shortened until all of them together are below 12,000.
 */
import type { Notice } from '../../core/vocabulary.ts';
import { askOf, cleaned, footOf, instant, isIdentifier, lookOf } from './parts.ts';
import type { RenderOptions } from './parts.ts';
import { codeMarks, escapeSlack, fit, noMarks } from './slack-text.ts';

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
  /** `whole` (by default): a message of its own. `reply`: below one that shows the facts already. */
  readonly form?: 'whole' | 'reply';
}

/** How long each part may be. */
interface Room {
  readonly section: number;
  readonly label: number;
  readonly value: number;
  readonly steps: number;
  readonly facts: number;
}

const ROOMY: Room = { section: 3_000, label: 80, value: 1_800, steps: 10, facts: 20 };
/** Each for messages that the one before could not bring below the budget; the last always can. */
const ROOMS: readonly Room[] = [
  ROOMY,
  { section: 2_400, label: 80, value: 400, steps: 10, facts: 20 },
  { section: 1_600, label: 80, value: 180, steps: 8, facts: 20 },
  { section: 800, label: 60, value: 90, steps: 5, facts: 12 },
];
const MAX_HEADER = 150;
const MAX_TEXT = 3_500;
const FIELDS_A_SECTION = 10;
export const BLOCKS_BUDGET = 12_000;
const SHORTENED = 'Shortened to what Slack takes: `keyturn status` and the control API have it whole.';

export function renderSlack(dirty: Notice, options: SlackRenderOptions = {}): SlackMessage {
  const notice = cleaned(dirty);
  const firing = options.status === undefined || options.status === 'firing';
  const call = firing && notice.severity === 'critical' && options.mention !== undefined ? `${options.mention} ` : '';
  const title = `${lookOf(notice, options.status).emoji} ${notice.title}`;
  const form = options.form === 'reply' ? replyBlocks : wholeBlocks;
  return { text: `${call}${fit(`${title}: ${notice.happened}`, MAX_TEXT)}`, blocks: withinBudget((room) => form({ notice, options, call, title, room })) };
}

interface Laying {
  readonly notice: Notice;
  readonly options: SlackRenderOptions;
  readonly call: string;
  readonly title: string;
  readonly room: Room;
}

/** The roomiest form below the budget. What had to give way is said in the foot. */
function withinBudget(blocksIn: (room: Room) => SlackBlock[]): SlackBlock[] {
  let blocks: SlackBlock[] = [];
  for (const room of ROOMS) {
    const shortened: SlackBlock[] = room === ROOMY ? [] : [{ type: 'context', elements: [mrkdwn(SHORTENED)] }];
    blocks = [...blocksIn(room), ...shortened];
    if (JSON.stringify(blocks).length <= BLOCKS_BUDGET) break;
  }
  return blocks;
}

function wholeBlocks({ notice, options, call, title, room }: Laying): SlackBlock[] {
  return [
    { type: 'header', text: { type: 'plain_text', text: fit(title, MAX_HEADER), emoji: true } },
    section(`${call}${fit(notice.happened, room.section / 2, codeMarks)}\n\n${fit(notice.means, room.section / 3, codeMarks)}`),
    ...askBlocks(notice),
    ...todoBlocks(notice.todo, room),
    ...factBlocks(notice.facts, room),
    { type: 'divider' },
    { type: 'context', elements: [mrkdwn(footText(notice, options))] },
  ];
}

/** Short: the message above shows what is known now. */
function replyBlocks({ notice, options, call, title, room }: Laying): SlackBlock[] {
  return [
    section(`${call}*${fit(title, MAX_HEADER, codeMarks)}*\n${fit(notice.happened, room.section / 2, codeMarks)}`),
    ...askBlocks(notice),
    ...(options.status === undefined || options.status === 'firing' ? todoBlocks(notice.todo, room) : []),
    { type: 'context', elements: [mrkdwn([lookOf(notice, options.status).word, ...whenParts(options)].join('  ·  '))] },
  ];
}

/** A link in the text, not a button: a button would have Slack ask the app, which answers nobody. */
function askBlocks(notice: Notice): SlackBlock[] {
  const ask = askOf(notice);
  return ask === null ? [] : [section(`:point_right: *<${escapeSlack(ask.url)}|${ask.label}>*\n${ask.note}`)];
}

function todoBlocks(todo: readonly string[], room: Room): SlackBlock[] {
  if (todo.length === 0) return [];
  const shown = todo.slice(0, room.steps);
  const each = Math.floor((room.section - 200) / shown.length) - 6;
  const lines = shown.map((step, index) => `${index + 1}.  ${fit(step, each, codeMarks)}`);
  if (todo.length > shown.length) lines.push(`… and ${todo.length - shown.length} more`);
  return [section(`*What to do*\n${lines.join('\n')}`)];
}

function factBlocks(facts: Readonly<Record<string, string>>, room: Room): SlackBlock[] {
  const entries = Object.entries(facts);
  const shown = entries.length > room.facts ? entries.slice(0, room.facts - 1) : entries;
  const fields = shown.map(([label, value]) => mrkdwn(`*${fit(label, room.label, noMarks)}*\n${factValue(value, room.value)}`));
  if (entries.length > shown.length) fields.push(mrkdwn(`*More*\n${entries.length - shown.length} facts left out here`));
  const blocks: SlackBlock[] = [];
  for (let from = 0; from < fields.length; from += FIELDS_A_SECTION) {
    blocks.push({ type: 'section', fields: fields.slice(from, from + FIELDS_A_SECTION) });
  }
  return blocks;
}

function factValue(value: string, max: number): string {
  if (value === '') return '–';
  return isIdentifier(value) ? `\`${fit(value, max, noMarks)}\`` : fit(value, max, codeMarks);
}

function footText(notice: Notice, options: SlackRenderOptions): string {
  const parts = footOf(notice).map(([label, value]) => `${label} \`${fit(value, 120, noMarks)}\``);
  return ['Keyturn', lookOf(notice, options.status).word, ...parts, ...whenParts(options)].join('  ·  ');
}

/** In the reader's own time zone; the text in UTC is for those who can't have that. */
function whenParts({ at }: SlackRenderOptions): readonly string[] {
  return at === undefined ? [] : [`<!date^${Math.floor(at.getTime() / 1_000)}^{date_short_pretty}, {time}|${instant(at)}>`];
}

function section(text: string): SlackBlock {
  return { type: 'section', text: mrkdwn(text.trim() === '' ? '–' : text) };
}

function mrkdwn(text: string): Mrkdwn {
  return { type: 'mrkdwn', text, verbatim: true };
}
