/** A worker whose emergencies are timed, with a bare job and a backlog beside it. */
import { resolveSecret, planCredentials } from '../../src/config/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createPluginCache } from '../../src/app/plugins.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { catchEmbeddedPool, openBacklog } from './backlog.ts';
import { instant } from './instant.ts';
import { argument, serve, tell } from './remote.ts';
import { ACTOR, openWorker, type WorkerArgument } from './worker.ts';

export interface Asked {
  readonly id: string;
  /** Its issuer's id. */
  readonly key: string;
  /** When the request came. */
  readonly asked: number;
  /** When it was in the ledger, and so accepted. */
  readonly accepted: number;
}

const BOUND_MS = 30_000;
const given = argument() as WorkerArgument;
catchEmbeddedPool();
const app = await openWorker(given, (rotation) => tell('ended', { id: rotation.id, state: rotation.state, reason: rotation.reason, credential: rotation.credential }));
const { ledger } = app.context;
const bare: Ledger = { ...ledger };
let accepted = 0;
Object.assign(ledger, {
  request: async (...wish: Parameters<Ledger['request']>) => {
    const outcome = await bare.request(...wish);
    accepted = instant();
    return outcome;
  },
});
const [first] = planCredentials((await loadConfig(given.configPath)).config);
if (first === undefined) throw new Error('the configuration declares credentials');
const { plan } = first;
const cache = createPluginCache(resolveSecret);
const { issuer } = await cache.of(plan);
const backlog = await openBacklog(given);
const addBare = await backlog.bare(async ({ key = '' }) => void (await issuer.revoke(key, AbortSignal.timeout(BOUND_MS))));

serve(
  {
    begin: () => app.begin(),
    async revoke(credential: string): Promise<Asked> {
      const key = (await ledger.keysOf(credential)).find(({ state }) => state === 'current');
      if (key === undefined) throw new Error(`${credential} has no key to revoke`);
      const asked = instant();
      const { rotation } = await app.operations.revoke(credential, ACTOR);
      return { id: rotation.id, key: key.issuerKeyId, asked, accepted };
    },
    /** Keys for the bare job to revoke. */
    mint: async (name: string) => (await issuer.create({ name, scopes: plan.scopes, space: plan.space }, AbortSignal.timeout(BOUND_MS))).key.id,
    async bareRevoke(key: string): Promise<number> {
      const asked = instant();
      await addBare({ key });
      return asked;
    },
    fill: (count: number) => backlog.fill(count),
    empty: () => backlog.empty(),
    waiting: async () => (await app.queue.counts()).reduce((sum, lane) => sum + lane.waiting, 0),
    active: async () => (await app.queue.counts()).reduce((sum, lane) => sum + lane.active, 0),
  },
  async () => {
    await backlog.close();
    await cache.close();
    await app.close(1_000);
  },
);
