/** The worker's configuration for the demo: what docs/config.md describes, with days shrunk to seconds. */
import { stringify } from 'yaml';

export const CREDENTIAL = 'prod-api-server';
export const OWNER = 'platform-team';
export const SLACK_TOKEN_VARIABLE = 'KEYTURN_DEMO_SLACK_TOKEN';
export const GATEWAY = 'gateway';
export const GATEWAY_TOKEN_VARIABLE = 'KEYTURN_DEMO_GATEWAY_TOKEN';
export const SCANNER = 'scanner';
export const SCANNER_SECRET_VARIABLE = 'KEYTURN_DEMO_SCANNER_SECRET';
export const API_TOKEN_VARIABLE = 'KEYTURN_DEMO_API_TOKEN';
export const SLACK_CHANNEL = '#key-rotations';

export interface DemoPlaces {
  readonly sandboxUrl: string;
  readonly adminKeyFile: string;
  readonly envFile: string;
  readonly dataDir: string;
  /** Of 127.0.0.1, where reports of leaked keys are posted to. */
  readonly apiPort: number;
  readonly healthUrl: string;
  readonly slackApiUrl: string;
  readonly mail: { readonly host: string; readonly port: number };
}

const OFTEN = '500ms';

export function configText(places: DemoPlaces): string {
  return stringify({
    version: 1,
    issuers: {
      hypermemory: { type: 'hypermemory', baseUrl: places.sandboxUrl, adminKey: `\${file:${places.adminKeyFile}}`, plan: 'enterprise', listLag: '500ms', knownKeys: ['sandbox-admin'], pacing: { perMinute: 60 } },
    },
    stores: { 'app-env': { type: 'env-file', path: places.envFile } },
    checks: { application: { type: 'http', url: places.healthUrl, timeout: '2s', attempts: 12, interval: '250ms', consecutive: 2, deadline: '10s' } },
    channels: {
      slack: { type: 'slack', token: `\${env:${SLACK_TOKEN_VARIABLE}}`, channel: SLACK_CHANNEL, slackApiUrl: places.slackApiUrl },
      mail: { type: 'email', host: places.mail.host, port: places.mail.port, from: 'Keyturn <keyturn@example.com>', to: ['platform-team@example.com'] },
    },
    usage: {
      sources: {
        'audit-log': { type: 'issuer', issuer: 'hypermemory' },
        [GATEWAY]: { type: 'push', token: `\${env:${GATEWAY_TOKEN_VARIABLE}}`, key: { by: 'id' } },
      },
    },
    leaks: { sources: { [SCANNER]: { type: 'signed', secret: `\${env:${SCANNER_SECRET_VARIABLE}}` } } },
    // Act 3 breaks a key on purpose.
    rules: { error_rate: 'off', failed_authentications: 'off' },
    policies: {
      'every-few-seconds': { every: '8s', overlap: '2s', quiet: '1s', deadlines: { verify: '10s', promote: '10s', confirm: '15s', retry: '3s' } },
    },
    credentials: {
      [CREDENTIAL]: {
        issuer: 'hypermemory', scopes: ['memory:read', 'memory:write'], policy: 'every-few-seconds', owner: OWNER,
        stores: [{ store: 'app-env' }], checks: ['application'],
      },
    },
    worker: { dataDir: places.dataDir, shutdown: '10s', intervals: { sweep: OFTEN, debts: OFTEN, deliver: OFTEN, seal: OFTEN, usage: OFTEN, scan: '1s' } },
    api: { listen: { host: '127.0.0.1', port: places.apiPort, token: `\${env:${API_TOKEN_VARIABLE}}` } },
    log: { format: 'json' },
  });
}
