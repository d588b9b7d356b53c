/** Questions that need no worker: the running one answers if there is one, else the ledger is opened to read. */
import type { Questions } from '../app/operations.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Cli } from './command.ts';

/** Only a worker that surely is not there is done without: one that does not answer may hold the data directory. */
export async function asking<T>(cli: Cli, question: (questions: Questions) => Promise<T>): Promise<T> {
  try {
    return await question(await cli.worker());
  } catch (error) {
    if (!(error instanceof KeyturnError) || error.code !== 'WORKER_UNREACHABLE' || error.effect !== 'none' || cli.pointed) throw error;
  }
  const { askDirectly } = await import('./ask-directly.ts');
  const questions = await askDirectly({ configPath: cli.configPath });
  try {
    return await question(questions);
  } finally {
    await questions.close();
  }
}
