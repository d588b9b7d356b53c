/** A whole worker within this process, as `keyturn up` makes one, that tells of each rotation that ends. */
import { jobDefinitions } from '../../jobs/index.ts';
import { openApp, type App } from '../../src/app/index.ts';
import { createConfigHolder } from '../../src/config/index.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLogger } from '../../src/log/index.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Queue } from '../../src/ports/queue.ts';
import type { Runtime } from './runtimes.ts';

export interface WorkerArgument extends Pick<Runtime, 'databaseUrl' | 'redisUrl'> {
  readonly configPath: string;
}

export interface Ended {
  readonly id: string;
  readonly credential: string;
  readonly state: string;
  readonly reason: string;
}

export const ACTOR = { who: 'bench', why: 'measured' };

/** Opened, not started. Its log lines are made as always, and go nowhere. */
export async function openWorker({ configPath, databaseUrl, redisUrl }: WorkerArgument, ended: (rotation: Ended) => void): Promise<App & { readonly queue: Queue; begin(): Promise<void> }> {
  const holder = await createConfigHolder(configPath);
  const log = createLogger({ level: 'info', destination: { write: () => undefined } });
  const app = await openApp({ holder, environment: { databaseUrl: secretOf(databaseUrl), redisUrl: secretOf(redisUrl) }, log });
  const { ledger, queue } = app.context;
  if (queue === null) throw new Error('a worker has a queue');
  const bare: Ledger = { ...ledger };
  Object.assign(ledger, {
    commit: async (...given: Parameters<Ledger['commit']>) => {
      const outcome = await bare.commit(...given);
      if (outcome.outcome === 'ok' && outcome.rotation.finishedAt !== null) ended(outcome.rotation);
      return outcome;
    },
  });
  return { ...app, queue, begin: () => app.start(jobDefinitions(app.work, app.intervals)) };
}

export function secretOf(url: string | null): Secret | null {
  return url === null ? null : new Secret(url);
}
