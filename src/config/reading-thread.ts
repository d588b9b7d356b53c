/** Runs in a thread of its own, see read.ts: reads one configuration, says what came of it, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { concealedTexts } from './leaks.ts';
import { loadConfig } from './load.ts';
import { pack } from './packed.ts';
import { eachPlan } from './plan.ts';
import { ConfigError } from './problems.ts';
import type { ReadAnswer, ReadOrder } from './read.ts';

async function answer({ path, env }: ReadOrder): Promise<ReadAnswer> {
  try {
    const { config, warnings } = await loadConfig(path, { env });
    const { credentials: _credentials, ...settings } = config;
    return { read: { settings, warnings, packs: pack(eachPlan(config)) }, problems: [], concealed: concealedTexts() };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { read: null, problems: error.problems, concealed: concealedTexts() };
  }
}

const said = await answer(workerData as ReadOrder);
parentPort?.postMessage(said, said.read?.packs.map((one) => one.buffer) ?? []);
