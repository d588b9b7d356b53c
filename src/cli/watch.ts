/** `--wait`: every step of a rotation as it happens. The rotation does not depend on being watched. */
import type { Client } from '../api/client.ts';
import type { RotationEvents } from '../api/events.ts';
import type { RotationSummary } from '../app/operations.ts';
import { EXIT, KeyturnError } from '../core/errors.ts';
import type { Cli } from './command.ts';
import { clean } from './clean.ts';
import { exitOfState } from './states.ts';
import { printEnd, printStep, type Step } from './steps.ts';

/** One question to the worker waits this long for news at most, milliseconds. */
const POLL_MS = 20_000;
/** A worker that restarts is waited for this long before watching ends, milliseconds. */
const RESTART_PATIENCE_MS = 30_000;
const RETRY_MS = 500;
/** Ctrl-C, as shells count it. */
const INTERRUPTED = 130;

type End = { readonly rotation: RotationSummary; readonly exit: number | null };

/** Watches until each has ended or is blocked, `timeoutMs` is over, or Ctrl-C; gives the exit code of the worst. */
export async function watch(cli: Cli, client: Client, rotations: readonly RotationSummary[], timeoutMs: number): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort('interrupted');
  process.once('SIGINT', interrupt);
  const timer = timeoutMs === Infinity ? undefined : setTimeout(() => stop.abort('timeout'), timeoutMs);
  try {
    const nameWidth = rotations.length > 1 ? Math.max(...rotations.map((rotation) => rotation.credential.length)) : 0;
    const ends = await Promise.all(rotations.map((rotation) => watchOne(cli, client, rotation, nameWidth, stop.signal)));
    if (cli.json) cli.out.json(ends.map((end) => end.rotation));
    else for (const end of ends) printEnd(cli.out, end.rotation, end.exit);
    return exitOf(cli, ends, stop.signal);
  } finally {
    process.off('SIGINT', interrupt);
    clearTimeout(timer);
  }
}

function exitOf(cli: Cli, ends: readonly End[], stopped: AbortSignal): number {
  const running = ends.filter((end) => end.exit === null).map((end) => end.rotation.id);
  if (running.length > 0) {
    const what = stopped.reason === 'timeout' ? 'The time is over' : 'No longer watching';
    cli.out.note(clean(`${what}; the rotation goes on in the worker. See it with \`keyturn rotations show ${running[0]}\`.`));
    if (stopped.reason === 'interrupted') return INTERRUPTED;
  }
  const exits = ends.map((end) => end.exit ?? EXIT.failed);
  return exits.find((exit) => exit === EXIT.blocked) ?? exits.find((exit) => exit !== EXIT.ok) ?? EXIT.ok;
}

async function watchOne(cli: Cli, client: Client, first: RotationSummary, nameWidth: number, signal: AbortSignal): Promise<End> {
  let [rotation, after, reason] = [first, 0, ''];
  const started = Date.parse(first.createdAt);
  const show = (step: Omit<Step, 'credential' | 'elapsedMs'>): void => {
    if (!cli.json) printStep(cli.out, { ...step, credential: rotation.credential, elapsedMs: Date.parse(step.at) - started }, nameWidth);
  };
  while (!signal.aborted) {
    const news = await eventsOf(client, first.id, after, reason, signal);
    if (news === null) break;
    rotation = news.rotation;
    for (const event of news.events) show({ at: event.at, state: event.to, reason: event.reason, message: event.message, wakeAt: null });
    const last = news.events.at(-1);
    after = last?.seq ?? after;
    const exit = exitOfState(rotation.state);
    if (rotation.reason !== (last?.reason ?? reason) && exit === null) show({ at: new Date().toISOString(), ...rotation });
    reason = rotation.reason;
    if (exit !== null) return { rotation, exit };
  }
  return { rotation, exit: null };
}

/** Null once watching has stopped. Bears a worker that restarts. Throws what else the worker answers. */
async function eventsOf(client: Client, id: string, after: number, reason: string, signal: AbortSignal): Promise<RotationEvents | null> {
  const patience = Date.now() + RESTART_PATIENCE_MS;
  for (;;) {
    try {
      return await client.events(id, { after, waitMs: POLL_MS, ...(reason === '' ? {} : { reason }) }, signal);
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof KeyturnError) || error.code !== 'WORKER_UNREACHABLE' || Date.now() > patience) throw error;
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}
