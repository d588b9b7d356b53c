/** What `rotations show` prints: where a rotation stands and what to do about it, what it made, and every line of its history. */
import type { AttemptView, DebtView, KeyName, RotationDetail, TransitionView } from '../app/operations.ts';
import { clean } from './clean.ts';
import { paintState } from './states.ts';
import { plain } from './table.ts';
import { wrap, type Terminal } from './terminal.ts';
import { elapsed, relative, span } from './times.ts';

const LABEL_WIDTH = 11;
const TIME_WIDTH = 7;
const STATE_WIDTH = 12;
const NARROWEST = 30;
/** Lines that are no step of the rotation itself, and how they are marked. */
const REMARKS: Readonly<Record<string, string>> = { taken_over: 'taken over', asked_abort: 'asked', asked_resume: 'asked' };

export function printRotation(out: Terminal, rotation: RotationDetail): void {
  for (const [label, text] of factsOf(out, rotation)) field(out, label, text, label === 'state' ? rotation.state : null);
  if (out.interactive) todo(out, rotation.todo);
  out.line('');
  if (out.interactive) for (const line of rotation.history) printLine(out, line, Date.parse(line.at) - Date.parse(rotation.createdAt));
  else plain(out, rotation.history, HISTORY);
}

const HISTORY = [
  { head: 'AT', exact: (row: TransitionView) => row.at },
  { head: 'STATE', exact: (row: TransitionView) => row.to },
  { head: 'REASON', exact: (row: TransitionView) => row.reason },
  { head: 'EPOCH', exact: (row: TransitionView) => String(row.epoch) },
  { head: 'WORKER', exact: (row: TransitionView) => row.worker },
  { head: 'MESSAGE', exact: (row: TransitionView) => row.message },
];

function factsOf(out: Terminal, rotation: RotationDetail): readonly (readonly [label: string, text: string])[] {
  const when = (iso: string | null): string => (iso === null || !out.interactive ? (iso ?? '-') : `${relative(iso)} (${iso})`);
  const { wakeAt, finishedAt } = rotation;
  return [
    ['rotation', rotation.id],
    ['credential', `${rotation.credential} at ${rotation.issuer}`],
    ['kind', `${rotation.kind}, ${rotation.path}`],
    ['state', `${rotation.state} (${rotation.reason})${finishedAt === null ? `, since ${when(rotation.stateSince)}` : ''}`],
    ['why', rotation.message],
    finishedAt === null ? ['looks again', when(wakeAt)] : ['ended', when(finishedAt)],
    ['started', when(rotation.createdAt)],
    ['asked by', `${rotation.requestedBy}${rotation.why === '' ? '' : `: ${rotation.why}`}`],
    ...(rotation.abortAsked === null ? [] : [['abort', `asked by ${rotation.abortAsked.by}${rotation.abortAsked.why === '' ? '' : `: ${rotation.abortAsked.why}`}; carried out at its next step`] as const]),
    ['old key', keyText(rotation.oldKey)],
    ['new key', keyText(rotation.newKey)],
    ...rotation.attempts.map((attempt) => [`attempt ${attempt.n}`, attemptText(attempt)] as const),
    ...rotation.watches.map((watch) => ['watched', `${watch.name}, until ${when(watch.until)}: what turns up under it is revoked`] as const),
    ...Object.entries(rotation.evidence).map(([about, seen]) => ['evidence', `${about}: ${seen}`] as const),
    ...rotation.debts.map((debt) => ['debt', debtText(debt)] as const),
    ...(out.interactive ? [] : rotation.todo.map((text) => ['todo', text] as const)),
  ];
}

const keyText = (key: KeyName | null): string => (key === null ? '-' : `${key.name} (${key.issuerKeyId}, ${key.prefix}…)`);

const OUTCOMES: Readonly<Record<string, string>> = {
  'not sent': 'not asked for yet', unknown: 'asked for, its answer is not known', minted: 'minted and staged', unstaged: 'minted, its value could not be staged',
  refused: 'refused by the issuer, nothing was created', lost: 'its answer was lost, given up',
  useless: 'minted, did not pass, given up',
};
const attemptText = ({ name, outcome, sentAt }: AttemptView): string => `${name}: ${OUTCOMES[outcome] ?? outcome}${sentAt === null ? '' : ` (sent ${sentAt})`}`;

function debtText({ issuerKeyId, cause, ageMs, attempts, nextTryAt, lastError }: DebtView): string {
  return `key ${issuerKeyId} is not revoked yet (${cause}, for ${span(ageMs)}, ${attempts} ${attempts === 1 ? 'try' : 'tries'}, again ${relative(nextTryAt)})${lastError === null ? '' : `: ${lastError}`}`;
}

/** One fact, wrapped beside its label; a pipe gets it in one line. */
function field(out: Terminal, label: string, text: string, state: string | null): void {
  if (!out.interactive) return out.line(`${label}\t${clean(text)}`);
  const indent = ' '.repeat(LABEL_WIDTH + 1);
  wrap(clean(text), Math.max(NARROWEST, out.width - indent.length)).forEach((line, at) => {
    const shown = at === 0 && state !== null ? line.replace(state, paintState(out.colors, state, state)) : line;
    out.line(at === 0 ? `${out.colors.dim(label.padEnd(LABEL_WIDTH))} ${shown}` : indent + shown);
  });
}

function todo(out: Terminal, todos: readonly string[]): void {
  if (todos.length === 0) return;
  out.line('');
  out.line(out.colors.bold('What you can do'));
  for (const text of todos) wrap(clean(text), out.width - 2).forEach((line, at) => out.line(`${at === 0 ? out.colors.yellow('- ') : '  '}${line}`));
}

/** A step: time, state, sentence, reason. What happened between steps (a take-over, a request) takes the place of the state. */
function printLine(out: Terminal, { reason, message, to }: TransitionView, ms: number): void {
  const { colors } = out;
  const remark = REMARKS[reason];
  const indent = ' '.repeat(TIME_WIDTH + 2 + STATE_WIDTH + 1);
  const text = remark === undefined ? `${clean(message)} (${clean(reason)})` : clean(message);
  const lines = wrap(text.trim(), Math.max(NARROWEST, out.width - indent.length));
  const head = (remark ?? clean(to)).padEnd(STATE_WIDTH);
  const [first = '', ...rest] = remark === undefined ? lines : lines.map((line) => colors.yellow(line));
  out.line(`${colors.dim(elapsed(ms).padStart(TIME_WIDTH))}  ${remark === undefined ? paintState(colors, head, to) : colors.yellow(head)} ${first}`);
  for (const line of rest) out.line(indent + line);
}
