import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onceARun } from './once-a-run.ts';
import { containerFile } from './run-directory.ts';

export const REDIS_IMAGE = process.env['KEYTURN_TEST_REDIS_IMAGE'] ?? 'redis:7.0-bookworm';
export const POSTGRES_IMAGE = process.env['KEYTURN_TEST_POSTGRES_IMAGE'] ?? 'postgres:15-bookworm';
const ANSWER_MS = 10_000;
const PULL_MS = 60_000;
const START_MS = 60_000;

/**
 * Whether a Docker engine answers and has the image, or can pull it in a minute; asked once a run, never throws.
 * `KEYTURN_TEST_DOCKER=0` says no without asking.
 */
export function imageAtHand(image: string): Promise<boolean> {
  return onceARun(`image-${image.replace(/\W+/g, '-')}`, async () => {
    if (process.env['KEYTURN_TEST_DOCKER'] === '0') return false;
    const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
    const engine = await within(ANSWER_MS, getContainerRuntimeClient());
    if (engine === null) return false;
    const name = ImageName.fromString(image);
    await within(PULL_MS, engine.image.pull(name)); // ends as well when what it read was a refusal
    return (await within(ANSWER_MS, engine.image.exists(name))) === true;
  });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  const done = new AbortController();
  const late = sleep(ms, null, { signal: done.signal }).catch(() => null);
  return await Promise.race([work.catch(() => null), late]).finally(() => done.abort());
}

export interface ContainerSettings {
  readonly environment?: Record<string, string>;
  readonly command?: string[];
}

export interface Container {
  readonly host: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/**
 * Starts an image that is at hand; null when it is not, or does not start. Does not wait until the service answers.
 * The end of the run removes what nobody stopped: a reaper would take what files share with the first of them.
 */
export async function startContainer(image: string, port: number, { environment = {}, command = [] }: ContainerSettings = {}): Promise<Container | null> {
  if (!(await imageAtHand(image))) return null;
  const { GenericContainer, Wait } = await import('testcontainers');
  const asked = new GenericContainer(image).withExposedPorts(port).withEnvironment(environment).withCommand(command)
    .withAutoCleanup(false).withWaitStrategy(Wait.forLogMessage(/./)).withStartupTimeout(START_MS);
  const started = await asked.start().catch(() => null);
  if (started === null) return null;
  const file = containerFile(started.getId());
  writeFileSync(file, '');
  const stop = async (): Promise<void> => {
    await started.stop();
    rmSync(file, { force: true });
  };
  return { host: started.getHost(), port: started.getMappedPort(port), stop };
}
