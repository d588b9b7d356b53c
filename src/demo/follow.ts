/** Watching rotations through the control API, as `keyturn rotate --wait` does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../api/client.ts';
import { isTerminal, type RotationState } from '../core/vocabulary.ts';
import { CREDENTIAL } from './config-text.ts';
import type { Screen } from './screen.ts';
import { DemoFailure, until } from './until.ts';

export type RotationSummary = Awaited<ReturnType<Client['rotations']>>[number];

const POLL_MS = 1_000;
const RECENT = 50;
/** Steps within a state that are news and not only work: what became of a lost create. */
const TELLING: ReadonlySet<string> = new Set(['unusable', 'recovered', 'pay_orphan']);

export interface Follower {
  /** The next rotation that was not seen before. */
  next(withinMs: number): Promise<RotationSummary>;
  /** True once a step of this rotation into this state was shown. */
  reached(id: string, state: RotationState): boolean;
  /** Shows each step as it happens, until the rotation has ended or `enough` says so. Waits for a worker that is away. */
  follow(id: string, withinMs: number, enough?: (state: RotationState) => boolean): Promise<RotationSummary>;
}

export function followerOf(client: Client, screen: Screen, signal: AbortSignal, alive: () => void): Follower {
  const seen = new Set<string>();
  /** Steps shown already, by rotation: an interrupted watch goes on where it was. */
  const shown = new Map<string, number>();
  const reached = new Set<string>();
  return {
    reached: (id, state) => reached.has(`${id} ${state}`),
    next: (withinMs) => until('The next rotation begins', { withinMs, everyMs: 100, signal }, async () => {
      alive();
      const rotations = await client.rotations({ credential: CREDENTIAL, limit: RECENT });
      const fresh = rotations.findLast((rotation) => !seen.has(rotation.id));
      if (fresh === undefined) return null;
      seen.add(fresh.id);
      return fresh;
    }),
    async follow(id, withinMs, enough = () => false) {
      const deadline = performance.now() + withinMs;
      for (;;) {
        signal.throwIfAborted();
        alive();
        const news = await client.events(id, { after: shown.get(id) ?? 0, waitMs: POLL_MS }, signal).catch(() => null);
        if (news === null) await sleep(100);
        for (const event of news?.events ?? []) {
          screen.step(Date.parse(event.at) - Date.parse(news?.rotation.createdAt ?? event.at), event.to, event.message, event.from === event.to && !TELLING.has(event.reason));
          shown.set(id, event.seq);
          reached.add(`${id} ${event.to}`);
        }
        const state = (news?.rotation.state ?? 'requested') as RotationState;
        if (news !== null && (isTerminal(state) || enough(state))) return news.rotation;
        if (performance.now() > deadline) throw new DemoFailure(`The rotation ${id} did not end within ${Math.round(withinMs / 1_000)} s; it is ${state}: ${news?.rotation.message ?? 'the worker does not answer'}`);
      }
    },
  };
}
