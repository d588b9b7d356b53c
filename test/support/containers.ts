import { onceARun } from './once-a-run.ts';

export const REDIS_IMAGE = process.env['KEYTURN_TEST_REDIS_IMAGE'] ?? 'redis:7';
export const POSTGRES_IMAGE = process.env['KEYTURN_TEST_POSTGRES_IMAGE'] ?? 'postgres:16';
const START_MS = 60_000;

/** Whether a Docker engine answers; asked once a run. `KEYTURN_TEST_DOCKER=0` says no without asking. */
export function dockerAnswers(): Promise<boolean> {
  return onceARun('docker', async () => {
    if (process.env['KEYTURN_TEST_DOCKER'] === '0') return false;
    const { getContainerRuntimeClient } = await import('testcontainers');
    return getContainerRuntimeClient().then(() => true, () => false);
  });
}

export interface Container {
  readonly host: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Starts an image (pulled when missing); its reaper removes it when this process has ended. Null when it cannot start. */
export async function startContainer(image: string, port: number, environment: Record<string, string> = {}): Promise<Container | null> {
  if (!(await dockerAnswers())) return null;
  const { GenericContainer } = await import('testcontainers');
  const asked = new GenericContainer(image).withExposedPorts(port).withEnvironment(environment).withStartupTimeout(START_MS);
  const started = await asked.start().catch(() => null);
  if (started === null) return null;
  return { host: started.getHost(), port: started.getMappedPort(port), stop: async () => void (await started.stop()) };
}
