import { spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { REDIS_IMAGE, startContainer } from './containers.ts';
import { freePort, onPath, until } from './processes.ts';

export interface RedisServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** A Redis of one's own, empty, without persistence. */
export async function startRedis(): Promise<RedisServer> {
  const container = await startContainer(REDIS_IMAGE, 6379);
  const server = container === null ? await startLocal() : { url: `redis://${container.host}:${container.port}`, stop: () => container.stop() };
  await answers(server.url);
  return server;
}

async function startLocal(): Promise<RedisServer> {
  const program = onPath('redis-server');
  if (program === null) throw new Error('redis-server is not on the path');
  const port = await freePort();
  const child = spawn(program, redisOptions(port), { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      process.removeListener('exit', kill);
      kill();
      await ended;
    },
  };
}

/** Of `redis-server`: loopback only, nothing kept. */
export function redisOptions(port: number): string[] {
  return ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
}

/** Waits until it does. */
export async function answers(url: string): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await until(() => client.ping(), 20_000, 'Redis');
  client.disconnect();
}
