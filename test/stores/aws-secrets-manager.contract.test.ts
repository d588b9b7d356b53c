import { afterAll, beforeAll, describe } from 'vitest';
import { motoAvailable, startMoto, type Moto } from '../support/moto.ts';
import { runStoreContract } from '../contracts/store.ts';
import { jsonHarness, wholeHarness } from './aws-harness.ts';

describe.skipIf(!motoAvailable())('against moto', () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  runStoreContract('aws-secrets-manager, field of a JSON secret', () => jsonHarness(moto));
  runStoreContract('aws-secrets-manager, whole secret', () => wholeHarness(moto), { neighbour: true });
});
