/** A worker that dies at a named point: its ports are decorated, and from that point on none of them answers it any more. */
import type { Engine, Plugins } from '../../src/rotation/engine.ts';

/** What the dead worker's code sees; nothing of it reaches the ledger, whose door is shut as well. */
export class Died extends Error {
  constructor() {
    super('this worker is dead');
  }
}

export interface Call {
  /** `ledger.commit`, `issuer.create`, `store.promote`, `hook.run`. */
  readonly port: string;
  readonly args: readonly unknown[];
  /** Counts calls of the same port by this worker, from 1. */
  readonly nth: number;
}

/** Dies right before or right after the first call for which `at` is true. */
export interface Death {
  readonly when: 'before' | 'after';
  readonly at: (call: Call) => boolean;
}

/** Replaces answers of the outside, to bring a rotation where nothing but trouble leads. */
export type Lies = (plugins: Plugins) => Plugins;

/** The engine of a worker that dies at its point, if it gets there; `died` tells whether it did. */
export function mortal(engine: Engine, death: Death | null, lies: Lies = (plugins) => plugins): { readonly engine: Engine; readonly died: () => boolean } {
  let dead = false;
  const counts = new Map<string, number>();
  const guard = async (port: string, args: readonly unknown[], run: () => unknown): Promise<unknown> => {
    const nth = (counts.get(port) ?? 0) + 1;
    counts.set(port, nth);
    const hit = death?.at({ port, args, nth }) === true;
    if (hit && death?.when === 'before') dead = true;
    if (dead) throw new Died();
    const answer = await run();
    if (hit) dead = true;
    if (dead) throw new Died();
    return answer;
  };
  const watched = <T extends object>(name: string, port: T): T => watch(name, port, guard);
  const plugins = async (plan: Parameters<Engine['plugins']>[0]): Promise<Plugins> => {
    const real = lies(await engine.plugins(plan));
    return {
      ...real,
      issuer: watched('issuer', real.issuer),
      places: real.places.map((place) => ({ ...place, store: watched('store', place.store) })),
      hooks: real.hooks.map((hook) => watched('hook', hook)),
    };
  };
  return { engine: { ...engine, ledger: watched('ledger', engine.ledger), plugins }, died: () => dead };
}

function watch<T extends object>(name: string, port: T, guard: (port: string, args: readonly unknown[], run: () => unknown) => Promise<unknown>): T {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => guard(`${name}.${String(property)}`, args, () => (member as (...given: unknown[]) => unknown).apply(target, args));
    },
  });
}
