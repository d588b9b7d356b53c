/** Finding a declared credential by what was typed. */
import type { CredentialStatus, Questions } from '../app/operations.ts';
import { KeyturnError } from '../core/errors.ts';

/** Throws UNKNOWN_CREDENTIAL, with the nearest name if one is near. */
export async function declared(questions: Questions, credential: string): Promise<CredentialStatus> {
  const { credentials } = await questions.status();
  const found = credentials.find((row) => row.credential === credential);
  if (found !== undefined) return found;
  const { closest, distance } = await import('fastest-levenshtein');
  const names = credentials.map((row) => row.credential);
  const near = names.length === 0 ? null : closest(credential, names);
  const meant = near !== null && distance(credential, near) <= Math.max(2, credential.length / 3) ? `Did you mean ${near}? ` : '';
  throw new KeyturnError('UNKNOWN_CREDENTIAL', `No credential ${JSON.stringify(credential)} is declared.`, { todo: `${meant}\`keyturn status\` lists them.`, effect: 'none' });
}
