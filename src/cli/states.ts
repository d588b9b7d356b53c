/** How states look, and what a script is told of them. */
import { EXIT } from '../core/errors.ts';
import type { Colors } from './terminal.ts';

type Paint = 'green' | 'red' | 'yellow' | 'cyan';

const STATE_PAINT: Readonly<Record<string, Paint>> = {
  done: 'green', confirmed: 'green', verified: 'green', blocked: 'red', rolled_back: 'red', aborted: 'red', rolling_back: 'yellow', aborting: 'yellow',
};
const HEALTH_PAINT: Readonly<Record<string, Paint>> = {
  ok: 'green', rotating: 'cyan', waiting: 'yellow', paused: 'yellow', unbound: 'yellow', retired: 'yellow', blocked: 'red',
};

const KEY_PAINT: Readonly<Record<string, Paint>> = {
  current: 'green', staged: 'cyan', draining: 'cyan', unmanaged: 'yellow', undeclared: 'yellow', lost: 'red', condemned: 'red',
};

export const paintState = (colors: Colors, text: string, state: string): string => colors[STATE_PAINT[state] ?? 'cyan'](text);
export const paintHealth = (colors: Colors, text: string, health: string): string => colors[HEALTH_PAINT[health] ?? 'yellow'](text);
export const paintKeyState = (colors: Colors, text: string, state: string): string => colors[KEY_PAINT[state] ?? 'dim'](text);

const EXITS: Readonly<Record<string, number>> = { done: EXIT.ok, aborted: EXIT.failed, rolled_back: EXIT.failed, blocked: EXIT.blocked };

/** The exit code of a watched rotation in this state; null while there is more to wait for. */
export function exitOfState(state: string): number | null {
  return EXITS[state] ?? null;
}
