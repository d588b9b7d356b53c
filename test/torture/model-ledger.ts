/** The ledger in memory under the simulation: a run takes milliseconds. It is held to the SQL ledger by test/ledger. */
import { Secret } from '../../src/core/secret.ts';
import { createModelLedger } from '../support/model-ledger/index.ts';
import type { OpenLedger } from './run.ts';

const ROOT_KEY = new Secret('root-key-of-the-simulation-0123456789');

export const modelLedger: OpenLedger = async (now) => {
  const { ledger, leaks, state, freeLeases } = createModelLedger({ now, rootKey: ROOT_KEY });
  return {
    ledger,
    leaks,
    freeLeases: async () => freeLeases(),
    dump: async () => JSON.stringify(Object.values(state).map((table) => ('all' in table ? table.all() : table))),
    close: async () => undefined,
  };
};
