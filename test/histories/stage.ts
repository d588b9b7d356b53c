/** The configuration that histories are recorded under, and what the recorder and the test set up alike. */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Secret } from '../../src/core/secret.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import type { Path } from '../../src/core/vocabulary.ts';

/** The port of the mail server: nobody listens while a history is recorded, so that its messages wait. */
export const MAIL_VARIABLE = 'KEYTURN_HISTORY_MAIL_PORT';
export const ADMIN_VARIABLE = 'KEYTURN_HISTORY_ADMIN_KEY';
export const ROOT_VARIABLE = 'KEYTURN_HISTORY_ROOT_KEY';
export const ROOT_KEY = new Secret('root-key-of-the-recorded-histories');

export const DIRECTORY = '@directory';
export const DATA_DIRECTORY = '@data';
export const SANDBOX = '@sandbox';

export async function startOutside(): Promise<RunningSandbox> {
  const sandbox = await startSandbox({ plan: 'pro', limits: { keys: 500, requestsPerWindow: null, queries: null } });
  Object.assign(process.env, { [ADMIN_VARIABLE]: sandbox.adminKey, [ROOT_VARIABLE]: ROOT_KEY.reveal(), [MAIL_VARIABLE]: '9' });
  return sandbox;
}

export const placesOf = (credential: string): readonly string[] => [`${credential}.env`, `${credential}-second.env`];

/** With placeholders for what differs each time. Deadlines are long: a slow machine must not turn a rotation round. */
export function configText(credentials: readonly { readonly name: string; readonly path: Path }[]): string {
  const deadlines = { verify: '6h', promote: '6h', confirm: '6h', stuck: '24h', retry: '1h' };
  const patient = { overlap: '1s', quiet: '1s', deadlines };
  return stringify({
    version: 1,
    issuers: { hm: { type: 'hypermemory', adminKey: `\${env:${ADMIN_VARIABLE}}`, baseUrl: SANDBOX, plan: 'enterprise', listLag: '500ms', timeout: '5s', pacing: { maxConcurrent: 200, perMinute: 10_000 } } },
    stores: { env: { type: 'env-file', createIfMissing: true } },
    hooks: { reload: { type: 'command', command: ['true'] } },
    channels: { mail: { type: 'email', host: '127.0.0.1', port: `\${env:${MAIL_VARIABLE}}`, from: 'keyturn@example.com', to: ['ops@example.com'] } },
    summary: 'off',
    policies: { displace: patient, replace: { ...patient, strategy: 'replace', allowDowntime: true } },
    credentials: Object.fromEntries(credentials.map(({ name, path }) => [name, {
      issuer: 'hm', scopes: ['memory:write'], policy: path === 'replace' ? 'replace' : 'displace', hooks: ['reload'],
      stores: placesOf(name).map((file, n) => ({ store: 'env', path: join(DIRECTORY, file), ...(n === 0 ? { record: true } : {}) })),
    }])),
    worker: { dataDir: DATA_DIRECTORY, intervals: { sweep: '250ms', debts: '500ms', inventory: '1h', deliver: '500ms', seal: '500ms' } },
    security: { rootKey: `\${env:${ROOT_VARIABLE}}` },
  });
}
