/** The file beside the env file that holds what applications must not read: staged and displaced values, owner-only. */
import { basename, dirname, join } from 'node:path';
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { load, remove, writePrivate } from './files.ts';

export interface Held {
  readonly attempt: string;
  readonly value: Secret;
}

export interface Sibling {
  readonly staged: readonly Held[];
  readonly displaced: readonly Held[];
}

export function siblingPath(target: string, variable: string): string {
  return join(dirname(target), `.${basename(target)}.keyturn-${variable}`);
}

/** Throws STORE_UNSUITABLE when somebody else wrote into it. */
export async function readSibling(target: string, variable: string): Promise<Sibling> {
  const path = siblingPath(target, variable);
  const loaded = await load(path);
  if (loaded === null) return { staged: [], displaced: [] };
  try {
    const parsed = JSON.parse(Buffer.from(loaded.text, 'latin1').toString('utf8')) as Record<string, unknown>;
    return { staged: heldIn(parsed['staged']), displaced: heldIn(parsed['displaced']) };
  } catch {
    throw new KeyturnError('STORE_UNSUITABLE', `${path}, where Keyturn holds pending keys, is damaged: no pending key can be read from it.`, {
      effect: 'none',
      todo: 'Remove that file. A rotation that is under way then begins again with a new key; what applications read is not concerned.',
    });
  }
}

function heldIn(list: unknown): readonly Held[] {
  if (!Array.isArray(list)) throw new TypeError('not a list');
  return list.map((one: unknown) => {
    const { attempt, value } = one as Record<string, unknown>;
    if (typeof attempt !== 'string' || typeof value !== 'string') throw new TypeError('not a held value');
    return { attempt, value: new Secret(value) };
  });
}

/** Writes what changed; an empty sibling is no file. Wants the lock of `target`. */
export async function writeSibling(target: string, variable: string, before: Sibling, after: Sibling, signal: AbortSignal): Promise<void> {
  const text = textOf(after);
  if (text === textOf(before)) return;
  const path = siblingPath(target, variable);
  if (after.staged.length === 0 && after.displaced.length === 0) await remove(path);
  else await writePrivate(path, text, target, signal);
}

function textOf({ staged, displaced }: Sibling): string {
  const json = `${JSON.stringify({ staged: staged.map(reveal), displaced: displaced.map(reveal) })}\n`;
  return Buffer.from(json, 'utf8').toString('latin1');
}

function reveal({ attempt, value }: Held): unknown {
  return { attempt, value: value.reveal() };
}
