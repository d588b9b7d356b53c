/** Runs as a process of its own, see read.ts: reads the configuration that it is given, says what came of it, and ends. */
import { describeError } from '../core/errors.ts';
import { scrub } from '../core/secret.ts';
import { concealedTexts } from './leaks.ts';
import { loadConfig } from './load.ts';
import { pack } from './packed.ts';
import { eachPlan } from './plan.ts';
import { ConfigError } from './problems.ts';
import type { ReadAnswer } from './read.ts';

async function answer(path: string): Promise<ReadAnswer> {
  try {
    const { config, warnings } = await loadConfig(path);
    const { credentials: _credentials, ...settings } = config;
    return { read: { settings, warnings, packs: pack(eachPlan(config)) }, concealed: concealedTexts() };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, concealed: concealedTexts() };
    return { failure: scrub(describeError(error)), concealed: concealedTexts() };
  }
}

const [, , path = ''] = process.argv;
const said = await answer(path);
process.send?.(said, () => process.disconnect());
