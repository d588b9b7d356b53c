/** The real sandbox server, and a pen: events are written into its audit log with any time and caller. */
import { createAccount } from '../../src/sandbox/account.ts';
import { ensureAdminKey } from '../../src/sandbox/admin-key.ts';
import { createFaultEngine } from '../../src/sandbox/faults/engine.ts';
import { parseFaults, type FaultRule } from '../../src/sandbox/faults/schema.ts';
import { createServer, listen } from '../../src/sandbox/server.ts';
import { openDatabase } from '../../src/sandbox/tables/database.ts';
import type { NewEvent } from '../../src/sandbox/tables/events.ts';
import { transaction } from '../../src/sandbox/tables/database.ts';

export interface SandboxWithPen {
  readonly url: string;
  readonly adminKey: string;
  write(events: readonly Partial<NewEvent>[]): void;
  setFaults(rules: readonly FaultRule[]): void;
  close(): Promise<void>;
}

const BLANK: NewEvent = { type: 'request.succeeded', keyId: null, keyPrefix: 'hm_live_', at: 0, ip: null, userAgent: null, method: 'GET', path: '/', status: 200 };

export async function sandboxWithPen(now: () => number = Date.now): Promise<SandboxWithPen> {
  const db = openDatabase(undefined);
  const account = createAccount(db, { plan: 'enterprise', now });
  const adminKey = ensureAdminKey(account, undefined, undefined);
  const faults = createFaultEngine(parseFaults([]));
  const stop = new AbortController();
  const app = createServer({ account, faults, latencyMs: 0, stopping: stop.signal });
  const url = await listen(app, '127.0.0.1', 0);
  return {
    url,
    adminKey,
    write: (events) => transaction(db, () => events.forEach((event) => account.events.add({ ...BLANK, ...event }))),
    setFaults: (rules) => faults.set(parseFaults(rules)),
    async close() {
      stop.abort();
      await app.close();
      db.close();
    },
  };
}
