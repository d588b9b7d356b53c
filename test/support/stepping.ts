/** An engine that is interrupted at a chosen write: something is asked right then, or the worker dies. */
import type { Rotation } from '../../src/ports/ledger.ts';
import { advance } from '../../src/rotation/advance.ts';
import type { Engine } from '../../src/rotation/engine.ts';

/** True for the write after which something is to happen. */
export type Moment = (rotation: Rotation) => boolean;

export const inState = (state: Rotation['state']): Moment => (rotation) => rotation.state === state;

/**
 * Calls `then` once, after the first write that leaves the rotation so, and before the engine hears of that write: what it
 * does is as if another process had done it in between.
 */
export function interrupted(engine: Engine, at: Moment, then: (rotation: Rotation) => Promise<void>): Engine {
  let waiting = true;
  const { ledger } = engine;
  const commit: Engine['ledger']['commit'] = async (...given) => {
    const outcome = await ledger.commit(...given);
    if (!waiting || outcome.outcome !== 'ok' || !at(outcome.rotation)) return outcome;
    waiting = false;
    await then(outcome.rotation);
    return outcome;
  };
  return { ...engine, ledger: { ...ledger, commit } };
}

class Killed extends Error {}

const gone = (): Promise<never> => Promise.reject(new Killed('killed'));

/** A worker that is gone right after the write: it neither writes nor gives its lease back, and `advance` never returns from it. */
export async function diesAfter(engine: Engine, id: string, at: Moment, signal: AbortSignal): Promise<void> {
  let dead = false;
  const { ledger } = engine;
  const dying: Engine['ledger'] = {
    ...ledger,
    commit: async (...given) => {
      if (dead) return await gone();
      const outcome = await ledger.commit(...given);
      dead = outcome.outcome === 'ok' && at(outcome.rotation);
      return dead ? await gone() : outcome;
    },
    renew: (...given) => (dead ? gone() : ledger.renew(...given)),
    release: (lease) => (dead ? gone() : ledger.release(lease)),
  };
  await advance({ ...engine, ledger: dying }, id, signal);
  if (!dead) throw new Error('it never came to the moment at which it was to die');
}
