import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RUNTIMES } from '../support/runtimes.ts';
import { Likeness, outcomeOf } from './differential/compare.ts';
import { ready, seen } from './differential/look.ts';
import { lives, type Operation } from './differential/operations.ts';
import { BEGINNING, modelSide, sqlSide, type Side, type SqlSide } from './differential/side.ts';

const RUNS = 12;
const OPERATIONS = 60;
/** Everything is compared after so many operations, and at the end. */
const LOOK_EVERY = 20;
/** It takes five seconds where nothing else runs. */
const SLOW_MACHINE_MS = 180_000;

describe.each(RUNTIMES.filter(({ name }) => name === 'embedded'))('the model and the SQL ledger, on $name', (runtime) => {
  let sql: SqlSide;
  beforeAll(async () => {
    sql = await sqlSide(runtime);
  });
  afterAll(() => sql.close());

  test('give the same answers to the same calls', async () => {
    await fc.assert(fc.asyncProperty(lives(OPERATIONS), async (operations) => agree(await sql.fresh(), modelSide(), operations)), { numRuns: RUNS });
  }, SLOW_MACHINE_MS);
});

/** Drives both with the same operations at the same instants; throws at the first difference. */
async function agree(sql: Side, model: Side, operations: readonly Operation[]): Promise<void> {
  const likeness = new Likeness();
  let now = BEGINNING;
  for (const [n, operation] of operations.entries()) {
    now += operation.afterMs;
    if (operation.afterMs > 0) await Promise.all([sql.setClock(now), model.setClock(now)]);
    likeness.compare(await outcomeOf(() => operation.run(sql)), await outcomeOf(() => operation.run(model)));
    [sql.ids, model.ids] = [await sql.readIds(), await model.readIds()];
    likeness.compare(sql.ids, model.ids, 'ids');
    if ((n + 1) % LOOK_EVERY === 0) await lookAtAll(likeness, sql, model);
  }
  await lookAtAll(likeness, sql, model);
}

async function lookAtAll(likeness: Likeness, sql: Side, model: Side): Promise<void> {
  likeness.compare(await seen(sql), await seen(model), 'everything');
  const [ofSql, ofModel] = [await ready(sql), await ready(model)];
  expect(ofSql.map((ids) => likeness.translated(ids))).toEqual(ofModel.map((ids) => [...ids].sort()));
}
