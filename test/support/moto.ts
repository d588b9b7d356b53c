/** A moto_server (AWS, in memory) on a free port, for as long as a suite needs it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

export interface Moto {
  /** `http://127.0.0.1:<port>`: give it as `endpoint`. */
  readonly endpoint: string;
  readonly region: string;
  /** What a process that talks to it needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** A client for looking behind the store's back; the caller destroys it. */
  client(region?: string): SecretsManagerClient;
  stop(): Promise<void>;
}

const REGION = 'eu-west-1';
const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' };
const START_MS = 60_000;
const PORT_TRIES = 3;

/**
 * False, with one line on stderr, where no moto_server is on the path. Throws instead when REQUIRE_SERVICES=1.
 * Use: `describe.skipIf(!motoAvailable())`.
 */
export function motoAvailable(): boolean {
  if (spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0) return true;
  const missing = 'moto_server is not on the path (pip install "moto[server]")';
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`REQUIRE_SERVICES=1, but ${missing}`);
  process.stderr.write(`skipped: ${missing}\n`);
  return false;
}

/** Starts one and waits until it answers. */
export async function startMoto(): Promise<Moto> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    const endpoint = `http://127.0.0.1:${port}`;
    if (await answers(child, endpoint)) return motoAt(endpoint, child);
    await stop(child);
    // Somebody else may have taken the port between our look and its start.
    if (attempt === PORT_TRIES) throw new Error(`moto_server did not answer on ${endpoint}`);
  }
}

function motoAt(endpoint: string, child: ChildProcess): Moto {
  return {
    endpoint,
    region: REGION,
    env: {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    client: (region = REGION) => new SecretsManagerClient({ endpoint, region, credentials: CREDENTIALS }),
    stop: () => stop(child),
  };
}

async function answers(child: ChildProcess, endpoint: string): Promise<boolean> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${endpoint}/moto-api/data.json`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return true;
    await wait(50);
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(forced);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
