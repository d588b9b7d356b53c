import { ConfigError, type Env, type LoadedConfig } from '../../src/config/index.ts';
import { parseConfig } from '../../src/config/load.ts';

/** A configuration that is right, with no warnings; tests change parts of its text. */
export const GOOD = `version: 1
issuers:
  hm: { type: hypermemory, adminKey: "\${env:ADMIN_KEY}" }
stores:
  aws: { type: aws-secrets-manager, region: eu-west-1 }
  env: { type: env-file, path: app/.env }
checks:
  health: { type: http, url: "https://api.example.com/healthz" }
hooks:
  reload: { type: command, command: [systemctl, reload, api] }
channels:
  ops: { type: slack, token: "\${env:SLACK}", channel: "#ops" }
policies:
  monthly: { every: 30d }
credentials:
  prod-api:
    issuer: hm
    scopes: [memory:write]
    policy: monthly
    stores:
      - { store: aws, secretId: prod/api, record: true }
      - { store: env }
    checks: [health]
    hooks: [reload]
`;

export function load(text: string, env: Env = {}): LoadedConfig {
  return parseConfig('/etc/keyturn/keyturn.yaml', text, { env });
}

/** The problems of a text, without the file's name in front; throws when there are none. */
export function problems(text: string, env: Env = {}): readonly string[] {
  try {
    load(text, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((line) => line.replace('/etc/keyturn/keyturn.yaml:', ''));
  }
  throw new Error('expected this configuration to be refused');
}

/** GOOD with one part replaced; the part must be there. */
export function changed(part: string, by: string): string {
  if (!GOOD.includes(part)) throw new Error(`no "${part}" in the good configuration`);
  return GOOD.replace(part, () => by);
}
