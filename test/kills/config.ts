/** What is rotated: credentials of several shapes under policies of seconds, so that something is always under way. */
import { join } from 'node:path';
import { stringify } from 'yaml';

export type RuntimeName = 'embedded' | 'postgres' | 'redis';

/** One spot that applications read. */
export type Spot =
  | { readonly kind: 'env'; readonly file: string }
  | { readonly kind: 'aws'; readonly secretId: string; readonly field: string | null };

export interface Declared {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly policy: string;
  /** The first one is the store of record. */
  readonly spots: readonly Spot[];
}

export const SCOPES = ['memory:read', 'memory:write'];
export const ROOT_KEY_VARIABLE = 'KEYTURN_ROOT_KEY';
export const SLACK_TOKEN_VARIABLE = 'KEYTURN_SLACK_TOKEN';
export const SCANNER_VARIABLE = 'KEYTURN_SCANNER_SECRET';
/** A leak source of the driver's own, and what it signs with. */
export const SCANNER = 'scanner';
export const SCANNER_SECRET = 'the-secret-of-the-scanner-of-the-kills';

/** Deadlines that a takeover outlives let a rotation go on; those it does not, send it back. Both must be safe. */
const PATIENT = { verify: '90s', promote: '120s', confirm: '120s', stuck: '10m', retry: '2s' };
const BRISK = { verify: '5s', promote: '8s', confirm: '8s', stuck: '10m', retry: '1s' };

const POLICIES = {
  patient: { every: '5s', overlap: '1s', quiet: '0s', deadlines: PATIENT },
  brisk: { every: '6s', overlap: '500ms', quiet: '0s', deadlines: BRISK },
  quiet: { every: '8s', overlap: '1s', quiet: '1500ms', deadlines: PATIENT },
};

interface Shape {
  readonly name: string;
  readonly policy: keyof typeof POLICIES;
  readonly spots: (name: string, group: string, disk: string) => readonly Spot[];
}

const env = (name: string, disk: string): Spot => ({ kind: 'env', file: join(disk, 'env', `${name}.env`) });
const shared = (name: string, group: string): Spot => ({ kind: 'aws', secretId: `kills/${group}/shared`, field: name });
const own = (name: string): Spot => ({ kind: 'aws', secretId: `kills/${name}`, field: null });

/** What one group of credentials looks like. */
const SHAPES: readonly Shape[] = [
  { name: 'web', policy: 'brisk', spots: (name, _group, disk) => [env(name, disk)] },
  { name: 'agent', policy: 'patient', spots: (name, _group, disk) => [env(name, disk), own(name)] },
  { name: 'billing', policy: 'patient', spots: (name, group) => [shared(name, group)] },
  { name: 'search', policy: 'brisk', spots: (name, group, disk) => [shared(name, group), env(name, disk)] },
  { name: 'reports', policy: 'quiet', spots: (name, _group, disk) => [env(name, disk)] },
  { name: 'mailer', policy: 'brisk', spots: (name) => [own(name)] },
];

export function declare(groups: number, disk: string): readonly Declared[] {
  const names = Array.from({ length: groups }, (_, index) => `g${index + 1}`);
  return names.flatMap((group) => SHAPES.map((shape) => {
    const name = `${group}-${shape.name}`;
    return { name, scopes: SCOPES, policy: shape.policy, spots: shape.spots(name, group, disk) };
  }));
}

export interface Surroundings {
  readonly sandboxUrl: string;
  readonly adminKeyFile: string;
  readonly keyLimit: number;
  readonly awsEndpoint: string;
  readonly slackApiUrl: string;
  readonly mail: { readonly host: string; readonly port: number };
}

/** The configuration of every worker; what differs between them is in their environment. */
export function configText(declared: readonly Declared[], around: Surroundings): string {
  return stringify({
    version: 1,
    issuers: {
      hypermemory: {
        type: 'hypermemory', baseUrl: around.sandboxUrl, adminKey: `\${file:${around.adminKeyFile}}`, plan: 'enterprise', keyLimit: around.keyLimit,
        knownKeys: ['sandbox-admin', 'bystander-*'], listLag: '1s', timeout: '10s', pacing: { maxConcurrent: 200, perMinute: 100_000 },
      },
    },
    stores: {
      env: { type: 'env-file', createIfMissing: true, timeout: '10s' },
      aws: { type: 'aws-secrets-manager', endpoint: around.awsEndpoint, createIfMissing: true, timeout: '10s' },
    },
    channels: {
      slack: { type: 'slack', token: `\${env:${SLACK_TOKEN_VARIABLE}}`, channel: '#keys', slackApiUrl: around.slackApiUrl, timeout: '10s' },
      mail: { type: 'email', host: around.mail.host, port: around.mail.port, from: 'Keyturn <keyturn@example.com>', to: ['team@example.com'], timeout: '10s' },
    },
    leaks: { sources: { [SCANNER]: { type: 'signed', secret: `\${env:${SCANNER_VARIABLE}}` } } },
    policies: POLICIES,
    credentials: Object.fromEntries(declared.map(({ name, scopes, policy, spots }) => [name, { issuer: 'hypermemory', scopes, policy, owner: 'team', stores: spots.map(placeOf) }])),
    worker: { shutdown: '5s', intervals: { sweep: '500ms', debts: '1s', inventory: '10s', deliver: '1s', seal: '2s' } },
    security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
    log: { format: 'json' },
  });
}

function placeOf(spot: Spot, index: number): object {
  const record = index === 0 ? { record: true } : {};
  if (spot.kind === 'env') return { store: 'env', path: spot.file, ...record };
  return { store: 'aws', secretId: spot.secretId, ...(spot.field === null ? {} : { field: spot.field }), ...record };
}
