/** A port for a worker that is killed and started again: it must be free both times. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { DemoFailure } from './until.ts';

/** Below those that systems give to connections, so that none takes it while the worker is away. */
const [LOWEST, HIGHEST] = [20_000, 30_000];
const TRIES = 50;

/** One of 127.0.0.1 that nobody listens on. Throws `DemoFailure`. */
export async function freePort(): Promise<number> {
  for (let n = 0; n < TRIES; n += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new DemoFailure(`No free port of 127.0.0.1 was found between ${LOWEST} and ${HIGHEST}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
