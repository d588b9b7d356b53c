/** Looks at the env file all the time: was a dead key ever served? (Promise 1, judged from outside.) */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyLife } from '../sandbox/index.ts';
import { readServed, type Served } from './env-file.ts';
import type { Inspector } from './inspector.ts';

const LOOK_EVERY_MS = 150;

export interface WatchReport {
  readonly looks: number;
  /** Every look at which a dead key was served. */
  readonly dead: readonly DeadServed[];
}

export interface DeadServed {
  /** The key's name. */
  readonly name: string;
  /** Epoch milliseconds, from before the look. */
  readonly at: number;
}

export interface Watchman {
  stop(): Promise<WatchReport>;
}

export function startWatchman(envFile: string, inspector: Inspector): Watchman {
  const stopped = new AbortController();
  let looks = 0;
  const dead: DeadServed[] = [];
  async function watch(): Promise<void> {
    while (!stopped.signal.aborted) {
      // The file first: a key that dies after it was read was not served dead.
      const [at, served] = [Date.now(), await readServed(envFile).catch(() => null)];
      const keys = served === null ? null : await inspector.keys().catch(() => null);
      if (served !== null && keys !== null) {
        looks += 1;
        dead.push(...servedDead(served, keys, at).map((name) => ({ name, at })));
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }
  const watching = watch();
  return {
    async stop() {
      stopped.abort();
      await watching;
      return { looks, dead };
    },
  };
}

/** Keys among the served ones that had been revoked before `at`, epoch milliseconds. */
export function servedDead(served: Served, keys: readonly KeyLife[], at: number): readonly string[] {
  return keys
    .filter((key) => key.sha256 === served.current || key.sha256 === served.backup)
    .filter((key) => key.revoked_at !== null && Date.parse(key.revoked_at) < at)
    .map((key) => key.name);
}
