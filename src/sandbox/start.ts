import { createAccount } from './account.ts';
import { adminKeyFile, ensureAdminKey } from './admin-key.ts';
import { createFaultEngine } from './faults/engine.ts';
import { loadFaults, parseFaults } from './faults/schema.ts';
import { checkOptions, DEFAULTS } from './options.ts';
import type { SandboxOptions } from './options.ts';
import { RunningSandbox } from './running.ts';
import { createServer, listen } from './server.ts';
import { openDatabase } from './tables/database.ts';

/** Starts a sandbox and waits until it answers. Throws a `SandboxError` that says what to do. */
export async function startSandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  checkOptions(options);
  const faults = createFaultEngine(typeof options.faults === 'string' ? loadFaults(options.faults) : parseFaults(options.faults ?? []));
  const stop = new AbortController();
  const db = openDatabase(options.dataDir);
  try {
    const account = createAccount(db, options);
    const adminKey = ensureAdminKey(account, options.dataDir, options.adminKey);
    const service = { account, faults, latencyMs: options.latencyMs ?? 0, stopping: stop.signal };
    const app = createServer(service);
    const url = await listen(app, options.host ?? DEFAULTS.host, options.port ?? 0);
    const close = once(async () => {
      stop.abort();
      await app.close();
      db.close();
    });
    return new RunningSandbox({ url, adminKey, adminKeyFile: options.dataDir === undefined ? null : adminKeyFile(options.dataDir), service, close });
  } catch (error) {
    db.close();
    throw error;
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
