/** One or more workers in processes of their own, on one ledger and one queue. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from './proc.ts';
import { startRemote, type Remote } from './remote.ts';
import type { Ended, WorkerArgument } from './worker.ts';

const ROUND_WITHIN_MS = 900_000;

export interface Fleet {
  readonly workers: readonly Remote[];
  /** Starts the jobs, and waits until the first keys of so many credentials are minted. */
  bootstrap(credentials: number): Promise<void>;
  /** Starts the jobs where every credential has its key already. */
  begin(): Promise<void>;
  /** From the request to the last of so many ends, milliseconds. Throws when one does not end as done. */
  rotateAll(credentials: number): Promise<number>;
  cpu(): number;
  close(): Promise<void>;
}

/** One after the other, since the first migrates the ledger. */
export async function openFleet(workers: number, argument: WorkerArgument): Promise<Fleet> {
  const remotes: Remote[] = [];
  for (let n = 0; n < workers; n += 1) remotes.push(await startRemote('worker-process.ts', argument));
  const [first] = remotes;
  if (first === undefined) throw new Error('a fleet has a worker');
  const begin = async (): Promise<void> => void (await Promise.all(remotes.map((remote) => remote.call('begin'))));
  return {
    workers: remotes, begin,
    async bootstrap(credentials) {
      const over = ends(remotes, credentials);
      await begin();
      await over;
      await idle(first);
    },
    async rotateAll(credentials) {
      await idle(first);
      const over = ends(remotes, credentials);
      const from = performance.now();
      const [to] = await Promise.all([over, first.call('rotateAll')]);
      return to - from;
    },
    cpu: () => remotes.reduce((sum, remote) => sum + cpuSeconds(remote.pid), 0),
    close: async () => void (await Promise.all(remotes.map((remote) => remote.stop()))),
  };
}

/** Resolves, with the instant, once so many rotations have ended, whichever worker ended them. */
async function ends(remotes: readonly Remote[], wanted: number): Promise<number> {
  const all = Promise.withResolvers<number>();
  const seen = new Set<string>();
  const timer = setTimeout(() => all.reject(new Error(`only ${seen.size} of ${wanted} rotations ended in time`)), ROUND_WITHIN_MS);
  const stops = remotes.flatMap((remote) => [
    remote.on('ended', (rotation) => {
      const { id, state, reason, credential } = rotation as Ended;
      if (state !== 'done') return all.reject(new Error(`the rotation of ${credential} ended as ${state} (${reason})`));
      if (seen.add(id).size === wanted) all.resolve(performance.now());
    }),
    remote.on('gone', (error) => all.reject(error)),
  ]);
  try {
    return await all.promise;
  } finally {
    clearTimeout(timer);
    for (const stop of stops) stop();
  }
}

/** What earlier rotations left to do in the background is over. */
async function idle(remote: Remote): Promise<void> {
  const deadline = performance.now() + ROUND_WITHIN_MS;
  while (performance.now() < deadline) {
    if ((await remote.call<number>('busy')) === 0) return;
    await sleep(50);
  }
  throw new Error('the queue does not come to rest');
}
