/** Secrets by reference, read when they are needed, so that a changed file or variable is taken up without a restart. */
import { readFile } from 'node:fs/promises';
import { KeyturnError } from '../core/errors.ts';
import type { SecretRef } from '../core/plan.ts';
import { Secret } from '../core/secret.ts';
import type { Env } from './environment.ts';

/** No secret of any known service is this long; a wrong path may be. */
const LONGEST = 64 * 1024;

/** The secret itself, without a line feed at its end. Throws REFERENCE_UNRESOLVED when it is missing, empty or unreadable. */
export async function resolveSecret(ref: SecretRef, env: Env = process.env): Promise<Secret> {
  const value = ref.from === 'env' ? env[ref.name] : await contents(ref);
  const trimmed = (value ?? '').replace(/[\r\n]+$/, '');
  if (value === undefined) throw unresolved(ref, 'is not set');
  if (trimmed.trim() === '') throw unresolved(ref, 'is empty');
  if (trimmed.length > LONGEST) throw unresolved(ref, 'is far too long for a secret');
  return new Secret(trimmed);
}

/** True for the form that references have in a plan. */
export function isSecretRef(value: unknown): value is SecretRef {
  if (typeof value !== 'object' || value === null || !('from' in value) || !('name' in value)) return false;
  return (value.from === 'env' || value.from === 'file') && typeof value.name === 'string';
}

async function contents(ref: SecretRef): Promise<string> {
  try {
    return await readFile(ref.name, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw unresolved(ref, code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`, error);
  }
}

function unresolved(ref: SecretRef, what: string, cause?: unknown): KeyturnError {
  const place = ref.from === 'env' ? `environment variable ${ref.name}` : `file ${ref.name}`;
  const todo = ref.from === 'env' ? `Set ${ref.name} in the environment of Keyturn and start it anew.` : `Write the secret into ${ref.name}, readable by the user that runs Keyturn.`;
  return new KeyturnError('REFERENCE_UNRESOLVED', `A secret is to come from the ${place}, but that ${what}.`, { cause, todo, effect: 'none' });
}
