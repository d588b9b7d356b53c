/** The last words of a command that failed, and its exit code. */
import { ERROR_CODES, KeyturnError } from '../core/errors.ts';
import { clean, cleanJson } from './clean.ts';
import type { Colors } from './terminal.ts';

/** Says what happened and what to do; `--json` gets the same as one JSON object on standard error. */
export function fail(error: unknown, asJson: boolean, colors: Colors): number {
  const known = error instanceof KeyturnError ? error : defect(error);
  const { code, message, todo = null } = known;
  if (asJson) process.stderr.write(`${cleanJson({ error: { code, message, todo, ...('problems' in known ? { problems: known.problems } : {}) } })}\n`);
  else process.stderr.write(`${colors.red('error:')} ${sentences(message)}\n${todo === null ? '' : `  ${sentences(todo)}\n`}`);
  return ERROR_CODES[code].exit;
}

/** A message may hold several lines, as the mistakes of a configuration do: each is cleaned by itself. */
const sentences = (text: string): string => text.split('\n').map(clean).join('\n');

function defect(error: unknown): KeyturnError {
  return new KeyturnError('INTERNAL', `Keyturn failed in a way that it does not know: ${error instanceof Error ? error.message : String(error)}`, { cause: error, todo: 'This is a defect: please report it, with the command you ran.' });
}

