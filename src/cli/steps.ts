/** How one step of a watched rotation, and its end, are printed. */
import type { RotationSummary } from '../app/operations.ts';
import { EXIT } from '../core/errors.ts';
import { clean } from './clean.ts';
import { paintState } from './states.ts';
import { wrap, type Terminal } from './terminal.ts';
import { elapsed, relative } from './times.ts';

export interface Step {
  /** Null when only one rotation is watched. */
  readonly credential: string | null;
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
const SOON_MS = 60_000;

/** A terminal gets the message wrapped beside the state; a pipe one tab-separated line. */
export function printStep(out: Terminal, step: Step): void {
  if (!out.interactive) {
    const fields = [elapsed(step.elapsedMs), ...(step.credential === null ? [] : [step.credential]), step.state, step.reason, step.message];
    out.line(fields.map(clean).join('\t'));
    return;
  }
  const { colors } = out;
  const prefix = step.credential === null ? '' : `${clean(step.credential)}  `;
  const indent = ' '.repeat(TIME_WIDTH + STATE_WIDTH + 3);
  const lines = wrap(clean(`${step.message}${laterText(step.wakeAt)}`), Math.max(20, out.width - indent.length));
  const [first, ...rest] = lines;
  if (prefix !== '') out.line(colors.bold(prefix.trimEnd()));
  out.line(`${colors.dim(elapsed(step.elapsedMs).padStart(TIME_WIDTH))}  ${paintState(colors, clean(step.state).padEnd(STATE_WIDTH), step.state)} ${first ?? ''}`);
  for (const line of rest) out.line(indent + line);
}

function laterText(wakeAt: string | null): string {
  return wakeAt !== null && Date.parse(wakeAt) - Date.now() > SOON_MS ? ` (again ${relative(wakeAt)})` : '';
}

/** The last word on a watched rotation. */
export function printEnd(out: Terminal, rotation: RotationSummary, exit: number | null): void {
  if (exit === EXIT.ok && out.interactive) {
    const keys = [rotation.oldKey?.prefix, rotation.newKey?.prefix].filter((prefix) => prefix !== undefined).map((prefix) => `${prefix}…`);
    out.line(out.colors.green(clean(`${rotation.credential} is rotated${keys.length === 2 ? `: ${keys.join(' → ')}` : ''}.`)));
  }
  if (exit === EXIT.blocked) {
    out.note(clean(`error: ${rotation.credential} is blocked: ${rotation.message}`));
    out.note('  It asks again by itself once the cause has cleared; the old key still works.');
  } else if (exit === EXIT.failed) {
    out.note(clean(`error: ${rotation.credential} was not rotated (${rotation.state}): ${rotation.message}`));
  }
}
