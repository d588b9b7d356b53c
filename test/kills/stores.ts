/** What every place serves, as SHA-256: read behind Keyturn's back, as an application would. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { parseEnv } from '../../src/client/env-text.ts';
import { readServed, type Served } from '../../src/demo/env-file.ts';
import type { Declared, Spot } from './config.ts';

export interface ServedAt extends Served {
  readonly credential: string;
  /** For people: the file's or the secret's name. */
  readonly place: string;
  /** AWSPREVIOUS is AWS's history: it keeps a superseded key after its death (docs/decisions/0005). */
  readonly backupIsHistory: boolean;
  /** Epoch milliseconds, from before the read. */
  readonly at: number;
}

const NOTHING: Served = { current: null, backup: null };

/** AWSPREVIOUS is read only when asked for: it is history. */
export async function servedBy(declared: Declared, aws: SecretsManagerClient, withHistory: boolean): Promise<readonly ServedAt[]> {
  return await Promise.all(declared.spots.map(async (spot) => {
    const at = Date.now();
    const served = spot.kind === 'env' ? await envServed(spot.file) : await secretServed(aws, spot, withHistory);
    return { credential: declared.name, place: placeName(spot), backupIsHistory: spot.kind === 'aws', at, ...served };
  }));
}

/** The value itself, for whoever plays the thief; null for none. */
export async function valueAt(aws: SecretsManagerClient, spot: Spot): Promise<string | null> {
  const value = spot.kind === 'env' ? parseEnv(await readFile(spot.file, 'utf8')).get('HYPERMEMORY_API_KEY') : await valueOf(aws, spot, 'AWSCURRENT');
  return value === undefined || value === '' ? null : value;
}

function placeName(spot: Spot): string {
  if (spot.kind === 'env') return spot.file;
  return spot.field === null ? spot.secretId : `${spot.secretId} (${spot.field})`;
}

async function envServed(file: string): Promise<Served> {
  return await readServed(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING;
    throw error;
  });
}

async function secretServed(aws: SecretsManagerClient, spot: Spot & { readonly kind: 'aws' }, withHistory: boolean): Promise<Served> {
  const current = await valueOf(aws, spot, 'AWSCURRENT');
  const backup = withHistory ? await valueOf(aws, spot, 'AWSPREVIOUS') : null;
  return { current: print(current), backup: print(backup) };
}

async function valueOf(aws: SecretsManagerClient, { secretId, field }: Spot & { readonly kind: 'aws' }, stage: string): Promise<string | null> {
  try {
    const { SecretString: text } = await aws.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: stage }));
    if (text === undefined || text === '' || field === null) return text ?? null;
    const value = (JSON.parse(text) as Record<string, unknown>)[field];
    return typeof value === 'string' ? value : null;
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return null;
    throw error;
  }
}

function print(value: string | null): string | null {
  return value === null || value === '' ? null : createHash('sha256').update(value).digest('hex');
}
