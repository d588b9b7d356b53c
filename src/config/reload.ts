/** The configuration in use, and how it is replaced while the worker runs. */
import { describeError } from '../core/errors.ts';
import type { PlannedText } from '../core/plan.ts';
import type { LoadOptions, Settings } from './load.ts';
import { ConfigError } from './problems.ts';
import { readConfig } from './read.ts';

export interface ReloadResult {
  /** False when the new file is bad: the old configuration stays in use. */
  readonly applied: boolean;
  /** Why it was not applied, one line each. */
  readonly problems: readonly string[];
  /** Of the configuration now in use, with what takes effect only after a restart. */
  readonly warnings: readonly string[];
}

export interface ConfigHolder {
  readonly path: string;
  /** The configuration in use, but for its credentials. */
  current(): Settings;
  /** Plans of its credentials, in the order of the file; each iteration makes them anew, some at a time. */
  plans(): Iterable<PlannedText>;
  warnings(): readonly string[];
  /** Reads the file again. Never throws: a bad file changes nothing, and the result says why. */
  reload(): Promise<ReloadResult>;
}

/** What a running worker cannot change under itself. */
const FIXED = ['worker', 'api', 'log', 'security', 'redis'] as const satisfies readonly (keyof Settings)[];

/** Reads the file for the first time. Throws ConfigError when it is bad. */
export async function createConfigHolder(path: string, options: LoadOptions = {}): Promise<ConfigHolder> {
  const first = await readConfig(path, options);
  let inUse = first;
  let turn: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<ReloadResult> {
    try {
      const { settings, warnings, plans } = await readConfig(path, options);
      // A worker keeps what it was started with, so the comparison is with that and not with the last file.
      const kept = FIXED.filter((section) => JSON.stringify(settings[section]) !== JSON.stringify(first.settings[section]));
      const restart = kept.map((section) => `${path}: ${section}: changed, which takes effect when Keyturn is started anew`);
      inUse = { settings: { ...settings, ...pick(first.settings) }, warnings: [...warnings, ...restart], plans };
      return { applied: true, problems: [], warnings: inUse.warnings };
    } catch (error) {
      return { applied: false, problems: error instanceof ConfigError ? error.problems : [describeError(error)], warnings: inUse.warnings };
    }
  }

  return {
    path,
    current: () => inUse.settings,
    plans: () => inUse.plans,
    warnings: () => inUse.warnings,
    reload() {
      // One after the other: two signals at once must not let the older file win.
      const mine = turn.then(reload);
      turn = mine;
      return mine;
    },
  };
}

function pick({ worker, api, log, security, redis }: Settings): Pick<Settings, (typeof FIXED)[number]> {
  return { worker, api, log, security, redis };
}
