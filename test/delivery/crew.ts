/** Workers of one ledger, as processes, that are killed at random moments and started again. */
import { setTimeout as wait } from 'node:timers/promises';
import type { StatusView } from '../../src/app/operations.ts';
import { openHome, ROOT_KEY_VARIABLE, until, type Home, type Worker } from '../e2e/support.ts';
import type { Dice } from '../kills/random.ts';
import { ROOT_KEY, type RunningRuntime } from '../support/runtimes.ts';

export interface Crew {
  /** Kills one of them after `fromMs` to `toMs`, and starts another in its place; so many times. */
  killOften(kills: number, fromMs: number, toMs: number, dice: Dice): Promise<void>;
  /** Waits until the outbox is empty. Throws when messages are stuck in it. */
  emptied(withinMs: number): Promise<void>;
  home: Home;
  close(): Promise<void>;
}

/** One worker where the ledger is embedded, else two, each in a home of its own. */
export async function startCrew(running: RunningRuntime, config: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>>): Promise<Crew> {
  const { databaseUrl, redisUrl, dataDir } = running;
  const services = { ...(databaseUrl === undefined ? { dataDir } : { databaseUrl }), ...(redisUrl === undefined ? {} : { redisUrl }) };
  const homes = Array.from({ length: databaseUrl === undefined ? 1 : 2 }, () => openHome(services, { [ROOT_KEY_VARIABLE]: ROOT_KEY.reveal(), ...env }));
  const [first] = homes;
  if (first === undefined) throw new Error('no worker');
  for (const home of homes) home.configure({ version: 1, ...config, summary: 'off', security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` } });
  const workers: (Worker | null)[] = await Promise.all(homes.map((home) => home.up()));
  return {
    home: first,
    async killOften(kills, fromMs, toMs, dice) {
      for (let n = 0; n < kills; n += 1) {
        await wait(dice.between(fromMs, toMs));
        const seat = dice.below(homes.length);
        await workers[seat]?.kill();
        workers[seat] = null;
        workers[seat] = (await homes[seat]?.up()) ?? null;
      }
    },
    async emptied(withinMs) {
      await until(async () => {
        const { figures } = await first.json<StatusView>('status');
        if (figures.deliveriesStuck > 0) throw new Error(`${figures.deliveriesStuck} messages are stuck`);
        return figures.deliveriesWaiting === 0;
      }, withinMs, 'the outbox to be empty');
    },
    async close() {
      for (const worker of workers) await worker?.kill();
      for (const home of homes) home.remove();
    },
  };
}
