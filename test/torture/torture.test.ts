import { describe, expect, test } from 'vitest';
import { TRANSITIONS } from '../../src/core/transitions/index.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import { check, describeFailure } from './check.ts';
import { singles } from './crash-points.ts';
import { modelLedger } from './model-ledger.ts';
import { REGRESSIONS } from './regressions.ts';
import { ROUTES } from './routes.ts';
import { run } from './run.ts';
import { sqlLedgers } from './sql-ledger.ts';

/** `npm run torture` and `npm run crash-points` do the same at length; .ci/run runs both. */
describe('torture', () => {
  test('random schedules of faults, crashes, freezes and wishes break no promise', async () => {
    const { failure, counts } = await check(modelLedger, { runs: 25, seed: 20_261_124 });
    expect(failure === null ? '' : describeFailure(failure, 20_261_124)).toBe('');
    expect(counts['faults']).toBeGreaterThan(100);
    expect(counts['kills']).toBeGreaterThan(10);
  });

  test('a run is the same each time: the same steps in the same order', async () => {
    const [route] = ROUTES;
    if (route === undefined) throw new Error('there are routes');
    const scenario = { ...route.scenario, weather: { calls: '', percent: 20 }, seed: 7 };
    const [one, other] = [await run(scenario, modelLedger), await run(scenario, modelLedger)];
    expect(one.log).toEqual(other.log);
    expect(one.steps).toEqual(other.steps);
  });

  test.each(REGRESSIONS)('$name', async ({ scenario }) => {
    const { broken, counts } = await run(scenario, modelLedger);
    expect(broken).toEqual([]);
    expect((counts['kills'] ?? 0) + (counts['freezes'] ?? 0), 'every crash hits its call').toBe(scenario.crashes.length);
  });

  test('a store that shows writes late is not written to over and over', async () => {
    const route = ROUTES.find(({ name }) => name === 'a store that shows writes late');
    const { steps } = await run(route?.scenario ?? expect.fail('the route is gone'), modelLedger);
    expect(steps.filter((step) => step === 'store.promote').length).toBeLessThan(30);
  });
});

/** Rows that answer a person's abort in states that last a moment only: the random wishes of `npm run torture` reach them, no route does. */
const REACHED_AT_RANDOM = [
  'preflight/abort', 'preflight/abort_tried', 'blocked/abort_tried', 'creating/abort', 'creating/abort_found', 'creating/abort_unseen', 'verified/abort',
];
/** An abort that has no way back is refused where it is asked; these rows are for one whose way back closes afterwards. */
const refusedLater = (row: string): boolean => row.endsWith('/abort_refused');

describe('crash points', () => {
  test('the routes take every transition that changes something, and break no promise by themselves', async () => {
    const taken = new Set<string>();
    for (const { name, scenario } of ROUTES) {
      const { broken, decisions } = await run(scenario, modelLedger);
      expect(broken, name).toEqual([]);
      for (const decision of decisions.keys()) taken.add(decision);
    }
    const rows = TRANSITIONS.filter(({ does }) => !('wait' in does)).map(({ from, reason }) => `${from}/${reason}`);
    expect(rows.filter((row) => !taken.has(row) && !REACHED_AT_RANDOM.includes(row) && !refusedLater(row))).toEqual([]);
  });

  test('a rotation survives a crash before and after each step that changes something', async () => {
    const [route] = ROUTES;
    if (route === undefined) throw new Error('there are routes');
    let tried = 0;
    for await (const { crashes, outcome } of singles(route, false)) {
      tried += 1;
      expect(outcome.broken, JSON.stringify(crashes)).toEqual([]);
    }
    expect(tried).toBeGreaterThan(60);
  });
});

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('torture on the real ledger, $name', (runtime) => {
  test('the same schedules break no promise there either', async () => {
    const { databaseUrl, dataDir, stop } = await runtime.start();
    const ledgers = await sqlLedgers({ dataDir, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
    const { failure } = await check(ledgers.open, { runs: 2, seed: 11 });
    expect(failure === null ? '' : describeFailure(failure, 11)).toBe('');
    for (const { name, scenario } of REGRESSIONS.slice(0, 2)) expect((await run(scenario, ledgers.open)).broken, name).toEqual([]);
    await ledgers.close();
    await stop();
  }, 180_000);
});
