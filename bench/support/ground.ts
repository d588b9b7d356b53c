/** A directory, a sandbox in a process of its own, and a configuration of many credentials, each with an env file of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { cpuSeconds } from './proc.ts';
import { startRemote, type Remote } from './remote.ts';
import type { SandboxArgument } from './sandbox-process.ts';

export const OWNER = 'bench';
/** One for all, since grounds may share a ledger. */
const ROOT_KEY = 'root-key-of-the-benchmark-0123456789abcdef';

export interface Ground {
  readonly directory: string;
  readonly sandbox: Remote;
  /** The root key that every configuration names. */
  readonly rootKeyFile: string;
  /** Processor seconds of the sandbox so far. */
  cpu(): number;
  /** Writes a configuration, and gives its path. */
  configure(wish: ConfigurationWish): string;
  close(): Promise<void>;
}

export interface ConfigurationWish {
  /** Of the file, and of the data directory beside it. */
  readonly name: string;
  readonly credentials: readonly string[];
  /** Rotations that a worker runs at once; the configuration's own default without it. */
  readonly concurrency?: number;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly logLevel?: 'silent' | 'info';
}

export async function openGround(sandbox: SandboxArgument): Promise<Ground> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  const remote = await startRemote('sandbox-process.ts', sandbox);
  const { url, adminKey } = await remote.call<{ url: string; adminKey: string }>('where');
  const adminKeyFile = join(directory, 'admin.key');
  writeFileSync(adminKeyFile, adminKey, { mode: 0o600 });
  const rootKeyFile = join(directory, 'root.key');
  writeFileSync(rootKeyFile, ROOT_KEY, { mode: 0o600 });
  return {
    directory, sandbox: remote, rootKeyFile, cpu: () => cpuSeconds(remote.pid),
    configure(wish) {
      mkdirSync(join(directory, wish.name, 'env'), { recursive: true });
      const path = join(directory, `${wish.name}.yaml`);
      writeFileSync(path, configuration(wish, { directory, adminKeyFile, rootKeyFile, url }));
      return path;
    },
    async close() {
      await remote.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function credentialNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `prod-app-${n + 1}`);
}

/** By hand where it is long: making a hundred thousand entries with a library takes longer than what is measured. */
function configuration(wish: ConfigurationWish, at: { readonly directory: string; readonly adminKeyFile: string; readonly rootKeyFile: string; readonly url: string }): string {
  const head = stringify({
    version: 1,
    issuers: { hm: { type: 'hypermemory', adminKey: `\${file:${at.adminKeyFile}}`, baseUrl: at.url, plan: 'enterprise', pacing: { maxConcurrent: 10_000, perMinute: 1_000_000 } } },
    stores: { env: { type: 'env-file', createIfMissing: true } },
    policies: { bench: { overlap: '0s', quiet: '0s', ...wish.policy } },
    worker: { dataDir: join(at.directory, wish.name), intervals: { inventory: '24h' }, ...(wish.concurrency === undefined ? {} : { concurrency: { rotation: wish.concurrency } }) },
    security: { rootKey: `\${file:${at.rootKeyFile}}` },
    log: { level: wish.logLevel ?? 'info' },
  });
  const entry = (name: string): string => `  ${name}:\n    issuer: hm\n    owner: ${OWNER}\n    scopes: [memory:write]\n    policy: bench\n    stores:\n      - store: env\n        path: ${join(at.directory, wish.name, 'env', `${name}.env`)}\n`;
  return `${head}credentials:\n${wish.credentials.map(entry).join('')}`;
}
