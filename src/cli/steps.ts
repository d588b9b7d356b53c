/** How one step of a watched rotation, and its end, are printed. */
import type { RotationSummary } from '../app/operations.ts';
import { EXIT } from '../core/errors.ts';
import { clean } from './clean.ts';
import { paintState } from './states.ts';
import { wrap, type Terminal } from './terminal.ts';
import { elapsed, relative } from './times.ts';

export interface Step {
  readonly credential: string;
  /** When, ISO. */
  readonly at: string;
  readonly elapsedMs: number;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  /** When a waiting rotation looks again by itself. */
  readonly wakeAt: string | null;
}

const TIME_WIDTH = 7;
const STATE_WIDTH = 12;
const LONGEST_NAME = 24;
const NARROWEST_MESSAGE = 30;
const SOON_MS = 60_000;

/**
 * A terminal gets the message wrapped beside the state, with the reason behind it; a pipe one tab-separated line.
 * `nameWidth` is that of the longest credential watched, 0 for a single one.
 */
export function printStep(out: Terminal, told: Step, nameWidth: number): void {
  const step = told.message === '' && told.state === 'requested' ? { ...told, message: 'Asked for.' } : told;
  if (!out.interactive) {
    const fields = [elapsed(step.elapsedMs), ...(nameWidth === 0 ? [] : [step.credential]), step.state, step.reason, step.message];
    out.line(fields.map(clean).join('\t'));
    return;
  }
  const { colors } = out;
  const name = nameWidth === 0 ? '' : `${clean(step.credential).slice(0, LONGEST_NAME).padEnd(Math.min(nameWidth, LONGEST_NAME))}  `;
  const indent = ' '.repeat(TIME_WIDTH + 2 + name.length + STATE_WIDTH + 1);
  const reason = `(${clean(step.reason)}${laterText(step.wakeAt)})`;
  const lines = wrap(`${clean(step.message)} ${reason}`, Math.max(NARROWEST_MESSAGE, out.width - indent.length));
  const [first = '', ...rest] = lines.map((line) => (line.endsWith(reason) ? `${line.slice(0, -reason.length)}${colors.dim(reason)}` : line));
  out.line(`${colors.dim(elapsed(step.elapsedMs).padStart(TIME_WIDTH))}  ${colors.bold(name)}${paintState(colors, clean(step.state).padEnd(STATE_WIDTH), step.state)} ${first}`);
  for (const line of rest) out.line(indent + line);
}

function laterText(wakeAt: string | null): string {
  return wakeAt !== null && Date.parse(wakeAt) - Date.now() > SOON_MS ? `, again ${relative(wakeAt)}` : '';
}

/** The last word on a watched rotation. */
export function printEnd(out: Terminal, rotation: RotationSummary, exit: number | null): void {
  if (exit === EXIT.ok && out.interactive) {
    const keys = [rotation.oldKey, rotation.newKey].flatMap((key) => (key === null ? [] : [key.issuerKeyId]));
    out.line(out.colors.green(clean(`${rotation.credential} is rotated${keys.length === 2 ? `: ${keys.join(' → ')}` : ''}.`)));
  }
  if (exit === EXIT.blocked) {
    out.note(clean(`error: ${rotation.credential} is blocked: ${rotation.message}`));
    out.note(`  It goes on by itself once the cause has cleared${rotation.path === 'displace' && rotation.oldKey !== null ? '; the old key still works' : ''}.`);
  } else if (exit === EXIT.failed) {
    out.note(clean(`error: ${rotation.credential} was not rotated. ${rotation.message}`));
  }
}
