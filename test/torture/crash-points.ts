/**
 * `npm run crash-points -- [--every-await | --pairs] [--route NAME] [--share K/N]`: on every route a crash before and after each step that changes
 * something; with `--every-await` also at all others, with `--pairs` two crashes at every pair of such steps. `--share 1/8` tries
 * every eighth of them, `2/8` the next, so that the whole can be spread over processors and days. Exit 1 on any broken promise; the last line is
 * a summary.
 */
import { parseArgs } from 'node:util';
import { modelLedger } from './model-ledger.ts';
import { ROUTES, type Route } from './routes.ts';
import { run, type Outcome } from './run.ts';
import type { CrashSpec, Scenario } from './scenario.ts';

export interface Crashed {
  readonly route: string;
  readonly crashes: readonly CrashSpec[];
  readonly outcome: Outcome;
}

const SIDES = ['before', 'after'] as const;
/** The next worker starts soon: within the lease, so that it is also waited out. */
const DOWN_MS = 2_000;
/** Steps at which something changes, here or outside; `.answer` is where it has changed and is not known yet. */
const CHANGING = /^(ledger\.(commit|lease|leaseDebt|settleDebt|postponeDebt|request|requestDue|redate|watchFound|addDebt)|leaks\.(take|claim|intend|settle|postpone)|issuer\.(create|revoke)|store\.(stage|promote|retire)|hook\.run)(\.answer)?$/;

/** What is tried of all that there is: `k` is from 1 to `of`. */
export interface Share {
  readonly k: number;
  readonly of: number;
}

const ALL: Share = { k: 1, of: 1 };

/** One crash at each step of the route that changes something, or at each step whatever it does, on both sides of it. */
export async function* singles(route: Route, everyAwait: boolean, share: Share = ALL): AsyncGenerator<Crashed> {
  const { steps } = await run(route.scenario, modelLedger);
  const takes = turns(share);
  for (const step of everyAwait ? steps.keys() : changing(steps, 0)) {
    for (const side of SIDES) if (takes()) yield await crashed(route, [crashAt(step, side)]);
  }
}

/** Two crashes, each where something changes; the second one counted in the run that the first has changed. */
export async function* pairs(route: Route, share: Share = ALL): AsyncGenerator<Crashed> {
  const { steps } = await run(route.scenario, modelLedger);
  const takes = turns(share);
  for (const first of changing(steps, 0)) {
    for (const side of SIDES) {
      const once = await run(withCrashes(route.scenario, [crashAt(first, side)]), modelLedger);
      for (const second of changing(once.steps, first + 1)) if (takes()) yield await crashed(route, [crashAt(first, side), crashAt(second, side)]);
    }
  }
}

/** Whether the next one belongs to the share. */
function turns({ k, of }: Share): () => boolean {
  let n = 0;
  return () => (n += 1) % of === k % of;
}

/** Null for anything but K/N with K from 1 to N. */
function shareOf(written: string): Share | null {
  const [, k, of] = (/^(\d{1,6})\/(\d{1,6})$/.exec(written) ?? []).map(Number);
  return k === undefined || of === undefined || k < 1 || k > of ? null : { k, of };
}

function changing(steps: readonly string[], from: number): readonly number[] {
  return [...steps.keys()].filter((n) => n >= from && CHANGING.test(steps[n] ?? ''));
}

function crashAt(step: number, side: CrashSpec['side']): CrashSpec {
  return { step, side, does: 'kill', ms: DOWN_MS };
}

function withCrashes(scenario: Scenario, crashes: readonly CrashSpec[]): Scenario {
  return { ...scenario, crashes };
}

async function crashed(route: Route, crashes: readonly CrashSpec[]): Promise<Crashed> {
  return { route: route.name, crashes, outcome: await run(withCrashes(route.scenario, crashes), modelLedger) };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { pairs: { type: 'boolean', default: false }, 'every-await': { type: 'boolean', default: false }, route: { type: 'string' }, share: { type: 'string', default: '1/1' } } });
  const share = shareOf(values.share);
  if (share === null) throw new Error('--share is K/N, such as 1/8');
  const began = Date.now();
  let [tried, broken] = [0, 0];
  for (const route of ROUTES.filter(({ name }) => values.route === undefined || name === values.route)) {
    const before = tried;
    for await (const { crashes, outcome } of values.pairs ? pairs(route, share) : singles(route, values['every-await'], share)) {
      tried += 1;
      if (outcome.broken.length === 0) continue;
      broken += 1;
      const where = crashes.map(({ step, side }) => (typeof step === 'number' ? `${side} step ${step} (${outcome.steps[step]})` : `${side} ${step.call} ${step.nth}`)).join(' and ');
      console.log(`${route.name}: killed ${where}: ${outcome.broken.map(({ promise, what }) => `promise ${promise}: ${what}`).join('; ')}`);
    }
    console.log(`${route.name}: ${tried - before} ${values.pairs ? 'pairs of crashes' : 'crashes'}`);
  }
  console.log(`crash points: ${tried} ${values.pairs ? 'pairs' : 'crashes'} on ${ROUTES.length} routes${share.of === 1 ? '' : `, share ${values.share},`} in ${Math.round((Date.now() - began) / 1_000)} s: ${broken} with broken promises`);
  if (broken > 0) process.exitCode = 1;
}
