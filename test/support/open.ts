/** Opens a ledger and a queue on services that run; knows nothing of vitest, so that a child process may use it. */
import { Secret } from '../../src/core/secret.ts';
import { openLedger, type SqlPool } from '../../src/ledger/index.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { AlertLedger } from '../../src/ports/alert-ledger.ts';
import type { LeakLedger } from '../../src/ports/leak-ledger.ts';
import type { DrillLedger } from '../../src/ports/drill-ledger.ts';
import type { ResponseLedger } from '../../src/ports/response-ledger.ts';
import type { IncidentLedger } from '../../src/ports/incident-ledger.ts';
import type { ScanLedger } from '../../src/ports/scan-ledger.ts';
import type { UsageLedger } from '../../src/ports/usage-ledger.ts';
import type { Queue } from '../../src/ports/queue.ts';
import { openQueue, type QueueOptions } from '../../src/queue/index.ts';

/** The root key of every ledger that tests open. */
export const ROOT_KEY = new Secret('root-key-of-the-tests-0123456789abcdef');

export interface Services {
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly dataDir: string;
}

export interface Opened<S extends Services = Services> {
  readonly ledger: Ledger;
  readonly usage: UsageLedger;
  readonly scans: ScanLedger;
  readonly alerts: AlertLedger;
  readonly leaks: LeakLedger;
  readonly responses: ResponseLedger;
  readonly incidents: IncidentLedger;
  readonly drills: DrillLedger;
  readonly pool: SqlPool;
  readonly queue: Queue;
  readonly running: S;
  /** Closes queue and ledger, and stops the services if they were started with them. */
  readonly close: () => Promise<void>;
}

/** Opens a ledger and a queue, as one more worker, on services that run already. */
export async function openOn<S extends Services>(running: S, queueOptions: Partial<QueueOptions> = {}): Promise<Opened<S>> {
  const { databaseUrl: url, redisUrl, dataDir } = running;
  const { ledger, usage, scans, alerts, leaks, responses, incidents, drills, pool } = await openLedger({ dataDir, rootKey: ROOT_KEY, ...(url === undefined ? {} : { databaseUrl: url }) });
  const queue = await openQueue({ pool, kind: ledger.kind, ...(redisUrl === undefined ? {} : { redisUrl }), ...queueOptions });
  const close = async (): Promise<void> => {
    await queue.close(2_000);
    await ledger.close();
  };
  return { ledger, usage, scans, alerts, leaks, responses, incidents, drills, pool, queue, running, close };
}
