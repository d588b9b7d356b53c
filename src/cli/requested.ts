/** What follows a request for rotations: say what was recorded, and with --wait watch it to its end. */
import type { Client } from '../api/client.ts';
import type { RequestedRotation } from '../app/operations.ts';
import { KeyturnError } from '../core/errors.ts';
import { clean } from './clean.ts';
import type { Cli, Given } from './command.ts';
import { durationOf } from './given.ts';

/** How long --wait watches, milliseconds; Infinity without --timeout. Throws USAGE for --timeout without --wait. */
export function timeoutOf(given: Given): number {
  const timeoutMs = durationOf(given, 'timeout');
  if (timeoutMs === undefined) return Infinity;
  if (!given.flag('wait')) throw new KeyturnError('USAGE', '--timeout goes with --wait.', { todo: 'Add --wait, or leave it out.' });
  return timeoutMs;
}

export interface Watching {
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Gives the exit code. */
export async function requested(cli: Cli, client: Client, answer: readonly RequestedRotation[], watching: Watching): Promise<number> {
  if (!watching.wait) {
    if (cli.json) cli.out.json(answer);
    else for (const one of answer) cli.out.line(requestText(cli, one));
    return 0;
  }
  if (!cli.json) for (const one of answer) cli.out.note(requestText(cli, one));
  const { watch } = await import('./watch.ts');
  return watch(cli, client, answer.map((one) => one.rotation), watching.timeoutMs);
}

function requestText(cli: Cli, { rotation, created }: RequestedRotation): string {
  if (!cli.out.interactive) return [rotation.credential, rotation.id, rotation.kind, rotation.state, created ? 'requested' : 'open'].map(clean).join('\t');
  return clean(created
    ? `${rotation.credential}: ${rotation.kind} rotation ${rotation.id} is requested.`
    : `${rotation.credential}: rotation ${rotation.id} is open already (${rotation.state}, ${rotation.reason}); no other was requested.`);
}
