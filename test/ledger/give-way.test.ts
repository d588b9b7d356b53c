/** Statements of others give way to an emergency's, wherever the ledger lies. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inTurn, urgently } from '../../src/core/urgency.ts';
import type { SqlPool } from '../../src/ledger/index.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import { RUNTIMES, openRuntime, type OpenRuntime } from '../support/runtimes.ts';

const asking = (had: string[], who: string, ask: () => Promise<unknown>): Promise<void> => ask().then(() => void had.push(who));

for (const runtime of RUNTIMES.filter(({ name }) => name !== 'redis')) {
  describe(`on ${runtime.name}`, () => {
    let open: OpenRuntime;
    /** On a server of one connection, so that who is first has it. */
    let pool: SqlPool;
    beforeAll(async () => {
      open = await openRuntime(runtime);
      pool = open.running.databaseUrl === undefined ? open.pool : postgresPool(open.running.databaseUrl, 1);
    });
    afterAll(async () => {
      if (pool !== open.pool) await pool.end();
      await open.close();
    });

    const transaction = async (): Promise<void> => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query('commit');
      client.release();
    };
    test('one that asks between two statements of an emergency comes after both, and comes', async () => {
      const had: string[] = [];
      await urgently(() => asking(had, 'first', () => pool.query('select 1')));
      const others = [asking(had, 'a query', () => pool.query('select 1')), asking(had, 'a client', () => transaction())];
      await urgently(() => asking(had, 'second', () => pool.query('select 1')));
      expect(had).toEqual(['first', 'second']);
      await Promise.all(others);
      expect(had.toSorted()).toEqual(['a client', 'a query', 'first', 'second']);
    });

    test('what an emergency begins beside itself gives way to it too', async () => {
      const had: string[] = [];
      await urgently(async () => {
        await pool.query('select 1');
        const beside = inTurn(() => asking(had, 'beside', () => pool.query('select 1')));
        await asking(had, 'emergency', () => pool.query('select 1'));
        expect(had).toEqual(['emergency']);
        await beside;
      });
    });

    test('while emergencies follow each other without a break, others have their turn nevertheless', async () => {
      const had: string[] = [];
      await urgently(() => pool.query('select 1'));
      const other = asking(had, 'other', () => pool.query('select 1'));
      while (had.length === 0) await urgently(() => pool.query('select pg_sleep(0.01)'));
      await other;
    });
  });
}
