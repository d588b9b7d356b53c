/** The installation's id beside the ledger too: break glass must tell our keys from those of others while the ledger is down. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'installation';

/** Called at each start, so that it follows the ledger. Throws what the file system says. */
export function noteInstallation(dataDir: string, installation: string): void {
  if (notedInstallation(dataDir) === installation) return;
  // With PostgreSQL and a root key by reference nothing else has made it by now.
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dataDir, FILE), `${installation}\n`, { mode: 0o600 });
}

/** Null where no worker has begun in this data directory, or it cannot be read. */
export function notedInstallation(dataDir: string): string | null {
  try {
    return /^[a-z0-9]{1,32}$/.exec(readFileSync(join(dataDir, FILE), 'utf8').trim())?.[0] ?? null;
  } catch {
    return null;
  }
}
