/** What an env file and its sibling together hold for one credential. */
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { StoreSlot, StoreView } from '../../ports/store.ts';
import { findVariable } from './env-text.ts';
import { load, type Loaded } from './files.ts';
import type { Place } from './options.ts';
import { readSibling, type Sibling } from './sibling.ts';

export interface Contents {
  readonly target: string;
  /** Null when the file does not exist. */
  readonly loaded: Loaded | null;
  readonly sibling: Sibling;
  readonly current: Secret | null;
  readonly backup: Secret | null;
}

export const ABSENT = 'absent';

export async function readContents(target: string, place: Place): Promise<Contents> {
  const loaded = await load(target);
  const sibling = await readSibling(target, place.variable);
  const text = loaded?.text ?? '';
  const backup = place.backupVariable === null ? null : valueOf(text, place.backupVariable, target);
  return { target, loaded, sibling, current: valueOf(text, place.variable, target), backup };
}

function valueOf(text: string, variable: string, path: string): Secret | null {
  const found = findVariable(text, variable);
  if (found === null || found.value === '') return null;
  if (found.value !== null) return new Secret(Buffer.from(found.value, 'latin1').toString('utf8'));
  throw new KeyturnError('STORE_UNSUITABLE', `${path}:${found.line} computes ${variable} from other values, so it is no place for a key.`, {
    effect: 'none',
    todo: `Write ${variable} as a plain value, or name another variable.`,
  });
}

export function versionOf({ loaded }: Contents): string {
  return loaded?.version ?? ABSENT;
}

export function viewOf(contents: Contents): StoreView {
  return { exists: contents.loaded !== null, version: versionOf(contents), slots: slotsOf(contents) };
}

export function slotsOf({ current, backup, sibling }: Contents): readonly StoreSlot[] {
  const slots: StoreSlot[] = [];
  if (current !== null) slots.push({ role: 'current', value: current, attempt: null });
  if (backup !== null) slots.push({ role: 'backup', value: backup, attempt: null });
  for (const role of ['staged', 'displaced'] as const) {
    for (const { attempt, value } of sibling[role]) {
      // A promotion that died half-way leaves these; what is current is neither pending nor displaced.
      if (current === null || !value.equals(current)) slots.push({ role, value, attempt });
    }
  }
  return slots;
}
