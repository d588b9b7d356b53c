/** The property: no scenario breaks a promise. A failure is shrunk, and told so that it can be played again. */
import * as fc from 'fast-check';
import { run, type OpenLedger, type Outcome } from './run.ts';
import { anyScenario, type Scenario } from './scenario.ts';

export interface Checked {
  readonly runs: number;
  readonly seed: number;
  /** Null when no promise was broken. */
  readonly failure: Failure | null;
  /** Summed over all runs. */
  readonly counts: Readonly<Record<string, number>>;
  readonly decisions: ReadonlyMap<string, number>;
}

export interface Failure {
  readonly path: string;
  /** As small as shrinking got it. */
  readonly scenario: Scenario;
  readonly outcome: Outcome;
}

/** Runs `runs` scenarios drawn from `seed`; stops at the first that breaks a promise, and shrinks it. `path` plays one again. */
export async function check(open: OpenLedger, { runs, seed, path }: { readonly runs: number; readonly seed: number; readonly path?: string | undefined }): Promise<Checked> {
  const counts: Record<string, number> = {};
  const decisions = new Map<string, number>();
  const add = (outcome: Outcome): void => {
    for (const [what, n] of Object.entries(outcome.counts)) counts[what] = (counts[what] ?? 0) + n;
    for (const [what, n] of outcome.decisions) decisions.set(what, (decisions.get(what) ?? 0) + n);
  };
  const property = fc.asyncProperty(anyScenario, async (scenario) => {
    const outcome = await run(scenario, open);
    add(outcome);
    return outcome.broken.length === 0;
  });
  const details = await fc.check(property, { numRuns: runs, seed, ...(path === undefined ? {} : { path }) });
  const [scenario] = details.counterexample ?? [];
  const failure = scenario === undefined ? null : { path: details.counterexamplePath ?? '', scenario, outcome: await run(scenario, open) };
  return { runs: details.numRuns, seed, failure, counts, decisions };
}

/** For people: what was promised, what happened instead, and how to see it again. */
export function describeFailure({ path, scenario, outcome }: Failure, seed: number): string {
  const broken = outcome.broken.slice(0, 20).map(({ promise, at, what }) => `  promise ${promise}, at ${new Date(at).toISOString()}: ${what}`);
  return [
    'A promise was broken:', ...broken, '', 'The smallest scenario that does it:', JSON.stringify(scenario), '', 'What happened:', ...shortened(outcome.log), '',
    `Play it again: npm run torture -- --seed ${seed} --path ${path}`,
  ].join('\n');
}

const [FIRST, LAST] = [150, 50];

/** What began it, and how it ended: what never comes to rest says the same for days. */
function shortened(log: readonly string[]): readonly string[] {
  const left = log.length - FIRST - LAST;
  return left <= 0 ? log : [...log.slice(0, FIRST), `  (${left} lines left out)`, ...log.slice(-LAST)];
}
