/**
 * The application, as a process of its own: a KeyRing for each credential, which calls the API without pause. Knows nothing
 * of Keyturn but the client. Its argument is a file that says what to read; `GET /` tells how it fared, `POST /` after the last
 * call ended.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { KeyRing, type KeyRingOptions } from '../../src/client/index.ts';
import { startCaller, type Call, type Caller } from '../../src/demo/caller.ts';
import type { Declared, Spot } from './config.ts';

export interface ApplicationSetting {
  readonly apiUrl: string;
  readonly awsEndpoint: string;
  readonly everyMs: number;
  readonly credentials: readonly Declared[];
}

export interface Failure {
  readonly credential: string;
  /** Where the key was read: `env`, `aws`. */
  readonly from: Spot['kind'];
  readonly problem: string;
  /** Epoch milliseconds. */
  readonly begunAt: number;
  readonly endedAt: number;
}

export interface ApplicationReport {
  readonly requests: number;
  readonly failures: readonly Failure[];
  /** Rings that have never had a key. */
  readonly waiting: readonly string[];
}

const ENV_POLL_MS = 250;
const AWS_REFRESH_MS = 2_000;

interface Client {
  readonly name: string;
  readonly ring: KeyRing;
  readonly caller: Caller;
}

function main(setting: ApplicationSetting): void {
  const failures: Failure[] = [];
  const aws = new SecretsManagerClient({ endpoint: setting.awsEndpoint, region: 'eu-west-1', credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' } });
  const ringOn = (spot: Spot, options: KeyRingOptions): KeyRing => (spot.kind === 'env'
    ? KeyRing.fromEnvFile(spot.file, { pollMs: ENV_POLL_MS, ...options })
    : KeyRing.fromSecretsManager({ client: aws, secretId: spot.secretId, ...(spot.field === null ? {} : { field: spot.field }), refreshMs: AWS_REFRESH_MS, minRefreshMs: 200, ...options }));
  // Every spot is some application's: a second store of a credential has readers of its own.
  const clients = setting.credentials.flatMap(({ name, spots }) => spots.map((spot): Client => {
    const ring = ringOn(spot, { baseUrl: setting.apiUrl });
    const onCall = ({ what, problem, begunAt, endedAt }: Call): void => {
      if (problem !== null) failures.push({ credential: name, from: spot.kind, problem: `${what}: ${problem}`, begunAt, endedAt });
    };
    void ring.refresh();
    return { name: `${name} (${spot.kind})`, ring, caller: startCaller({ ring, everyMs: setting.everyMs, onCall }) };
  }));
  const server = createServer((request, response) => {
    const ended = request.method === 'POST' ? Promise.all(clients.map(({ caller }) => caller.drain())) : Promise.resolve();
    void ended.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reportOf(clients, failures))));
  });
  server.listen(0, '127.0.0.1', () => process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }));
}

function reportOf(clients: readonly Client[], failures: readonly Failure[]): ApplicationReport {
  return {
    requests: clients.reduce((sum, { caller }) => sum + caller.figures().requests, 0),
    failures,
    waiting: clients.filter(({ ring }) => ring.status().using === null).map(({ name }) => name),
  };
}

main(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ApplicationSetting);
