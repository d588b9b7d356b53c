/** `drill --wait`: what a drill does, until it is over. It does not depend on being watched. */
import type { Client } from '../api/client.ts';
import type { DrillView } from '../app/drills/operations.ts';
import { EXIT, KeyturnError } from '../core/errors.ts';
import { clean } from './clean.ts';
import type { Cli } from './command.ts';
import { printDrill } from './drill-view.ts';
import { elapsed } from './times.ts';

const LOOK_MS = 250;
/** A worker that restarts is waited for this long before watching ends, milliseconds. */
const RESTART_PATIENCE_MS = 30_000;
/** Ctrl-C, as shells count it. */
const INTERRUPTED = 130;

const EXITS: Readonly<Record<string, number>> = { passed: EXIT.ok, failed: EXIT.failed, given_up: EXIT.blocked };

export async function watchDrill(cli: Cli, client: Client, first: DrillView, timeoutMs: number): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort('interrupted');
  process.once('SIGINT', interrupt);
  const timer = timeoutMs === Infinity ? undefined : setTimeout(() => stop.abort('timeout'), timeoutMs);
  try {
    const drill = await follow(cli, client, first, stop.signal);
    if (cli.json) cli.out.json(drill);
    else if (drill.finishedAt !== null) printDrill(cli.out, drill);
    if (drill.finishedAt !== null) return EXITS[drill.state] ?? EXIT.failed;
    cli.out.note(`${stop.signal.reason === 'timeout' ? 'The time is over' : 'No longer watching'}; the drill goes on in the worker. See it with \`keyturn drills show ${drill.id}\`.`);
    return stop.signal.reason === 'interrupted' ? INTERRUPTED : EXIT.failed;
  } finally {
    process.off('SIGINT', interrupt);
    clearTimeout(timer);
  }
}

async function follow(cli: Cli, client: Client, first: DrillView, signal: AbortSignal): Promise<DrillView> {
  let [drill, said] = [first, ''];
  while (drill.finishedAt === null && !signal.aborted) {
    const now = drill.failure ?? drill.now;
    if (now !== said && now !== '' && !cli.json) cli.out.note(clean(`${elapsed(Date.now() - Date.parse(first.startedAt))}  ${now}`));
    said = now;
    await new Promise<void>((resolve) => { const timer = setTimeout(resolve, LOOK_MS); signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true }); });
    drill = signal.aborted ? drill : await again(client, drill.id);
  }
  return drill;
}

async function again(client: Client, id: string): Promise<DrillView> {
  const patience = Date.now() + RESTART_PATIENCE_MS;
  for (;;) {
    try {
      return await client.drill(id);
    } catch (error) {
      if (!(error instanceof KeyturnError) || error.code !== 'WORKER_UNREACHABLE' || Date.now() > patience) throw error;
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
  }
}
