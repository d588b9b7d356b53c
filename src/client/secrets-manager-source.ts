import type { GetSecretValueCommandOutput, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { KeySourceError, type KeyReading, type KeySource, type ReadRequest } from './source.ts';
import { every } from './value-source.ts';

export interface SecretsManagerKeyOptions {
  /** The secret's name or ARN. */
  readonly secretId: string;
  /** The top-level field of a JSON secret that holds the key; without it the whole secret is the key. */
  readonly field?: string;
  /** A client of your own (credentials, proxy); `region` and `endpoint` are then not used, and the ring does not close it. */
  readonly client?: SecretsManagerClient;
  /** Without it: what the AWS SDK finds (environment, profile, instance). */
  readonly region?: string;
  /** Another endpoint than AWS's own: a VPC endpoint, a test service. */
  readonly endpoint?: string;
  /** How often the current version is looked at; milliseconds, 60000 unless said. */
  readonly refreshMs?: number;
  /** The shortest time between two looks that 401s cause; milliseconds, 1000 unless said. */
  readonly minRefreshMs?: number;
}

type Stage = 'AWSCURRENT' | 'AWSPREVIOUS';
type Fetch = (stage: Stage, signal: AbortSignal) => Promise<GetSecretValueCommandOutput>;

/**
 * Keys from AWS Secrets Manager: AWSCURRENT is the primary, AWSPREVIOUS the backup. Needs `secretsmanager:GetSecretValue`
 * (and `kms:Decrypt` on a key of your own). The SDK is loaded at the first read, so other sources do without it.
 */
export function secretsManagerSource(options: SecretsManagerKeyOptions): KeySource {
  const name = `AWS secret ${options.secretId}`;
  const fetchStage = fetcher(options);
  let last: KeyReading | null = null;
  return {
    name,
    minRefreshMs: options.minRefreshMs ?? 1000,
    read: async (request) => {
      last = await readStages(fetchStage, options, request, last).catch((error: unknown) => {
        throw awsProblem(error, name);
      });
      return last;
    },
    watch: (changed) => every(options.refreshMs ?? 60_000, changed),
  };
}

function fetcher(options: SecretsManagerKeyOptions): Fetch {
  let client = options.client;
  return async (VersionStage, abortSignal) => {
    const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
    client ??= new SecretsManagerClient({
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 3000, requestTimeout: 5000 },
      ...(options.region === undefined ? {} : { region: options.region }),
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    });
    return client.send(new GetSecretValueCommand({ SecretId: options.secretId, VersionStage }), { abortSignal });
  };
}

/** A look by the clock stops at an unchanged version id; after a 401 both stages are read, since AWSPREVIOUS may have moved alone. */
async function readStages(fetchStage: Fetch, options: SecretsManagerKeyOptions, { signal, reason }: ReadRequest, last: KeyReading | null): Promise<KeyReading> {
  const current = await fetchStage('AWSCURRENT', signal);
  if (reason !== 'refused' && last !== null && current.VersionId === last.version) return last;
  const primary = keyIn(current, options);
  if (primary === undefined) {
    const what = options.field === undefined ? 'text' : `text in the top-level field ${options.field}`;
    throw new KeySourceError('no-key', `AWSCURRENT of the AWS secret ${options.secretId} has no ${what}. Keys read earlier stay in use; name the field that holds the key, or publish one.`);
  }
  return { primary, backup: await previous(fetchStage, options, signal), version: current.VersionId };
}

/** The backup is a help, not a must: without AWSPREVIOUS there is none. */
async function previous(fetchStage: Fetch, options: SecretsManagerKeyOptions, signal: AbortSignal): Promise<string | undefined> {
  try {
    return keyIn(await fetchStage('AWSPREVIOUS', signal), options);
  } catch (error) {
    if (errorName(error) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

function keyIn({ SecretString: text }: GetSecretValueCommandOutput, { field }: SecretsManagerKeyOptions): string | undefined {
  if (text === undefined || text === '') return undefined;
  // What an empty secret is filled with until its first key is published (docs/decisions/0006).
  if (field === undefined) return text.trim() === '{}' ? undefined : text;
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, field);
    const value = isObject ? (parsed as Record<string, unknown>)[field] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    // Not JSON. The parser's error quotes the text, which is a secret, so it goes no further.
    return undefined;
  }
}

function awsProblem(error: unknown, source: string): unknown {
  const kind = errorName(error);
  if (kind === 'ResourceNotFoundException') {
    return new KeySourceError('missing', `The ${source} does not exist in this account and region, or has no AWSCURRENT. Keys read earlier stay in use; see to its name and region.`);
  }
  if (kind === 'AccessDeniedException' || kind === 'CredentialsProviderError' || kind === 'UnrecognizedClientException') {
    return new KeySourceError('unreadable', `The ${source} may not be read (${kind}). Keys read earlier stay in use; give this process AWS credentials with secretsmanager:GetSecretValue on it.`);
  }
  return error;
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
