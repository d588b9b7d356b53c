/** The bare loop in a process of its own: the calls of a rotation, so many at once, and nothing besides. */
import { createPluginCache } from '../../src/app/plugins.ts';
import { planCredentials, resolveSecret } from '../../src/config/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import { mintFirst, rotateByHand, type HeldKey } from './by-hand.ts';
import { argument, serve } from './remote.ts';

export interface HandArgument {
  readonly configPath: string;
  readonly concurrency: number;
}

const { configPath, concurrency } = argument() as HandArgument;
const plans = planCredentials((await loadConfig(configPath)).config).map(({ plan }) => plan);
const cache = createPluginCache(resolveSecret);
const held = new Map<string, HeldKey>();
let turn = 0;

serve(
  {
    mintAll: () => each(async (plan) => held.set(plan.credential, await mintFirst(plan, await cache.of(plan), nameFor(plan)))),
    rotateAll: () => each(async (plan) => {
      const old = held.get(plan.credential);
      if (old === undefined) throw new Error('mint first');
      held.set(plan.credential, await rotateByHand(plan, await cache.of(plan), nameFor(plan), old));
    }),
  },
  () => cache.close(),
);

function nameFor(plan: (typeof plans)[number]): string {
  return `${plan.keyName}-${(turn += 1)}`;
}

/** All plans, `concurrency` at once. */
async function each(work: (plan: (typeof plans)[number]) => Promise<unknown>): Promise<void> {
  const waiting = plans.values();
  const hand = async (): Promise<void> => {
    for (const plan of waiting) await work(plan);
  };
  await Promise.all(Array.from({ length: concurrency }, hand));
}
