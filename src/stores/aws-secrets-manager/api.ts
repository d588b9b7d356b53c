/** The five calls to AWS that the store makes, for one secret, under one deadline, with errors in Keyturn's words. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type * as Sdk from '@aws-sdk/client-secrets-manager';
import type { DescribeSecretResponse, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Secret } from '../../core/secret.ts';
import { awsName, fromAws, type Action } from './errors.ts';
import { PLACEHOLDER_LABEL, PLACEHOLDER_TEXT, PLACEHOLDER_VERSION } from './labels.ts';
import type { Place, SecretsManagerOptions } from './options.ts';

/** Tries of one request by the SDK itself, all inside the store's deadline. */
const MAX_ATTEMPTS = 3;
const MAX_SOCKETS = 50;

export interface Connection {
  readonly sdk: typeof Sdk;
  readonly client: SecretsManagerClient;
}

/** Loads the SDK, which is large, only when a store of this type is really used. */
export async function connect(options: SecretsManagerOptions): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-secrets-manager');
  const client = options.client ?? new sdk.SecretsManagerClient({
    maxAttempts: MAX_ATTEMPTS,
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.proxyEnv === undefined ? {} : { requestHandler: throughProxy(options.proxyEnv) }),
  });
  return { sdk, client };
}

/** Agents that go through the proxy that the environment names (Node 24.5 and later; older ones connect directly). */
function throughProxy(proxyEnv: Readonly<Record<string, string>>): { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, proxyEnv: { ...proxyEnv } };
  return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) };
}

export interface FetchedVersion {
  readonly text: Secret | null;
  readonly binary: boolean;
}

export interface Api {
  /** Null when there is no such secret. */
  describe(): Promise<DescribeSecretResponse | null>;
  /** One version, named by id and by the label that it must still carry; `moved` when it no longer does, or has no value. */
  get(versionId: string, label: string): Promise<FetchedVersion | 'moved'>;
  /** Writes a version, or finds it written already; answers the labels that it carries now. */
  put(versionId: string, text: Secret, labels: readonly string[]): Promise<readonly string[]>;
  /** Moves, adds or removes one label. `refused` when AWS says that it is not where `from` says. */
  label(name: string, change: { readonly from?: string; readonly to?: string }): Promise<'done' | 'refused'>;
  /** Creates the secret with its placeholder; somebody else may have done so just now. */
  create(options: SecretsManagerOptions): Promise<void>;
  /** Gives a secret without any value its placeholder. Never displaces a value that came in between. */
  fillEmpty(): Promise<void>;
}

export function apiOf({ sdk, client }: Connection, place: Place, signal: AbortSignal): Api {
  const SecretId = place.secretId;
  const send = { abortSignal: signal };

  async function call<T>(action: Action, run: () => Promise<T>): Promise<T> {
    try {
      return await orAborted(run, signal);
    } catch (thrown) {
      throw fromAws(thrown, action, place.secret);
    }
  }

  return {
    describe: () =>
      call('DescribeSecret', () => orWhen('ResourceNotFoundException', null, client.send(new sdk.DescribeSecretCommand({ SecretId }), send))),

    get: (VersionId, VersionStage) =>
      call('GetSecretValue', async () => {
        const request = client.send(new sdk.GetSecretValueCommand({ SecretId, VersionId, VersionStage }), send);
        const answer = await orWhen('InvalidRequestException', 'moved', orWhen('ResourceNotFoundException', 'moved', request));
        if (answer === 'moved') return answer;
        return { text: answer.SecretString ? new Secret(answer.SecretString) : null, binary: answer.SecretBinary !== undefined };
      }),

    put: (ClientRequestToken, text, labels) =>
      call('PutSecretValue', async () => {
        const input = { SecretId, ClientRequestToken, SecretString: text.reveal(), VersionStages: [...labels] };
        return (await client.send(new sdk.PutSecretValueCommand(input), send)).VersionStages ?? [];
      }),

    label: (VersionStage, { from, to }) =>
      call('UpdateSecretVersionStage', async () => {
        const request = client.send(
          new sdk.UpdateSecretVersionStageCommand({ SecretId, VersionStage, RemoveFromVersionId: from, MoveToVersionId: to }),
          send,
        );
        return (await orWhen('InvalidParameterException', 'refused', request)) === 'refused' ? 'refused' : 'done';
      }),

    create: ({ secretId, kmsKeyId, tags = {} }) =>
      call('CreateSecret', async () => {
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        const request = client.send(
          new sdk.CreateSecretCommand({
            Name: secretId,
            ClientRequestToken: PLACEHOLDER_VERSION,
            SecretString: PLACEHOLDER_TEXT,
            Description: 'Published by Keyturn.',
            ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
            ...(Tags.length === 0 ? {} : { Tags }),
          }),
          send,
        );
        await orWhen('ResourceExistsException', null, request);
      }),

    fillEmpty: () =>
      call('PutSecretValue', async () => {
        const VersionStages = [PLACEHOLDER_LABEL];
        await client.send(
          new sdk.PutSecretValueCommand({ SecretId, ClientRequestToken: PLACEHOLDER_VERSION, SecretString: PLACEHOLDER_TEXT, VersionStages }),
          send,
        );
      }),
  };
}

/** `otherwise` for one expected error of AWS's, by name. */
async function orWhen<T, const O>(name: string, otherwise: O, request: Promise<T>): Promise<T | O> {
  try {
    return await request;
  } catch (thrown) {
    if (awsName(thrown) === name) return otherwise;
    throw thrown;
  }
}

/** The SDK's own waits between tries, and its credential chain, do not heed the signal: stop waiting for them. */
async function orAborted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
