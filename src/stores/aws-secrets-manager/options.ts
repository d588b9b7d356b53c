import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { placeId, type PlaceId } from './labels.ts';

export interface SecretsManagerOptions {
  readonly name: string;
  /** The secret's name or ARN. Write it the same way in every credential that shares the secret. */
  readonly secretId: string;
  /** The top-level field of a JSON secret that holds the key; without it the whole secret is the key. */
  readonly field?: string;
  /** Without it: what the AWS SDK finds (environment, profile, instance). */
  readonly region?: string;
  /** Another endpoint than AWS's own for the region: a VPC endpoint, a test service. */
  readonly endpoint?: string;
  /** Create the secret when it does not exist. Off unless said. */
  readonly createIfMissing?: boolean;
  /** KMS key of a secret that Keyturn creates; AWS's own otherwise. */
  readonly kmsKeyId?: string;
  /** Tags of a secret that Keyturn creates. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The longest that one call of the store may take, with its retries; milliseconds, 15000 unless said. */
  readonly callTimeoutMs?: number;
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, which the SDK does not read by itself. */
  readonly proxyEnv?: Readonly<Record<string, string>>;
  /** A client made elsewhere (proxy, private CA, test); the store does not close it. `region` and `endpoint` then only name it. */
  readonly client?: SecretsManagerClient;
}

/** What the parts of the store need to know, worked out once. */
export interface Place {
  readonly secretId: string;
  readonly field: string | null;
  readonly id: PlaceId;
  readonly location: string;
  /** `secret prod/api (eu-west-1)`: for people. */
  readonly secret: string;
  /** `secret prod/api field key (eu-west-1)`: for people. */
  readonly describe: string;
}

export function placeOf(options: SecretsManagerOptions): Place {
  const name = secretName(options.secretId);
  const where = [options.endpoint, options.region ?? arnRegion(options.secretId)].filter((part) => part !== undefined).join('/');
  const field = options.field ?? null;
  const suffix = where === '' ? '' : ` (${where})`;
  return {
    secretId: options.secretId,
    field,
    id: placeId(field),
    location: `aws-secrets-manager:${where === '' ? 'default' : where}:${name}`,
    secret: `secret ${name}${suffix}`,
    describe: `secret ${name}${field === null ? '' : ` field ${field}`}${suffix}`,
  };
}

/** The name within a full ARN (which ends in a hyphen and six characters of AWS's), or the name itself. */
function secretName(secretId: string): string {
  const inArn = /^arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:(.+)$/.exec(secretId)?.[1];
  return inArn === undefined ? secretId : inArn.replace(/-[A-Za-z0-9]{6}$/, '');
}

export function arnRegion(arn: string): string | undefined {
  return /^arn:[^:]+:secretsmanager:([^:]+):/.exec(arn)?.[1];
}
