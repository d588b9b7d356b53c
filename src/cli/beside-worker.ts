import { KeyturnError } from '../core/errors.ts';
import type { Cli } from './command.ts';

/** Whoever holds the key to be revoked does not wait for a worker that hangs. */
const ANSWER_WITHIN_MS = 1_500;

/** The worker that this command line would ask, if it answers at once. */
export interface Beside {
  readonly answers: boolean;
  readonly place: string;
  /** The installation's id, as the worker tells it; null where it does not. */
  readonly installation: string | null;
}

/** Never throws, and takes no longer than a moment. */
export async function besideWorker(cli: Cli): Promise<Beside> {
  let place = '';
  try {
    const client = await cli.worker({ timeoutMs: ANSWER_WITHIN_MS });
    ({ place } = client);
    return { answers: true, place, installation: (await client.status()).installation };
  } catch (error) {
    // Any answer of its own, as that its ledger is down, shows that it is there.
    const answers = error instanceof KeyturnError && place !== '' && error.code !== 'WORKER_UNREACHABLE';
    return { answers, place, installation: null };
  }
}
