/** A program that has a key in its own keeping: a forgotten job, or somebody who found one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { problemOf, REFUSED, type Call } from './caller.ts';

export interface Outsider {
  /** In the order in which they ended. */
  readonly calls: readonly Call[];
  /** Waits for the call under way. */
  stop(): Promise<void>;
}

export interface OutsiderOptions {
  readonly baseUrl: string;
  readonly key: string;
  /** What it calls itself. */
  readonly agent: string;
  /** Between two calls, milliseconds. */
  readonly everyMs: number;
}

const TIMEOUT_MS = 5_000;
const PATH = '/api/v1/memory/overview';

/** Calls, one call at a time, until its key is refused or it is stopped. */
export function startOutsider({ baseUrl, key, agent, everyMs }: OutsiderOptions): Outsider {
  const calls: Call[] = [];
  const stopped = new AbortController();
  const send = (): Promise<Response> => fetch(baseUrl + PATH, { headers: { authorization: `Bearer ${key}`, 'user-agent': agent }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  async function run(): Promise<void> {
    while (!stopped.signal.aborted && calls.at(-1)?.problem !== REFUSED) {
      const begunAt = Date.now();
      const problem = await problemOf(send);
      calls.push({ what: `GET ${PATH}`, begunAt, endedAt: Date.now(), problem });
      await sleep(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }
  const running = run();
  return {
    calls,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}
