/** Watching one rotation: a long poll, so that it works through proxies and survives a restart of the worker. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Questions, RotationDetail, RotationSummary, TransitionView } from '../app/operations.ts';
import { TERMINAL_STATES } from '../core/vocabulary.ts';

/** How often the ledger is looked at for a watcher, milliseconds. */
const LOOK_EVERY_MS = 200;

export interface RotationEvents {
  /** The rotation as it is now. */
  readonly rotation: RotationSummary;
  /** Transitions after the one that was asked for, oldest first. */
  readonly events: readonly TransitionView[];
}

export interface EventsQuery {
  /** Sequence number of the last transition the watcher knows; 0 for none. */
  readonly after: number;
  /** The reason the watcher saw last: another one is news too (a wait changes no state). */
  readonly reason?: string | undefined;
  /** How long to wait for news, milliseconds. */
  readonly waitMs: number;
}

/** Answers as soon as there is news, the rotation has ended, time is up, or the watcher has gone. Throws UNKNOWN_NAME. */
export async function rotationEvents(questions: Questions, id: string, query: EventsQuery, signal: AbortSignal): Promise<RotationEvents> {
  const until = performance.now() + query.waitMs;
  for (;;) {
    const { history, rotation } = summarised(await questions.rotation(id));
    const events = history.filter((event) => event.seq > query.after);
    const ended = (TERMINAL_STATES as readonly string[]).includes(rotation.state);
    const news = events.length > 0 || ended || (query.reason !== undefined && query.reason !== rotation.reason);
    if (news || signal.aborted || performance.now() >= until) return { rotation, events };
    await sleep(Math.min(LOOK_EVERY_MS, Math.max(1, until - performance.now())), undefined, { signal }).catch(() => undefined);
  }
}

/** A watcher gets what changes, not what a rotation has gathered. */
function summarised(detail: RotationDetail): { readonly history: readonly TransitionView[]; readonly rotation: RotationSummary } {
  const { history, debts: _debts, attempts: _attempts, watches: _watches, evidence: _evidence, abortAsked: _abortAsked, ...rotation } = detail;
  return { history, rotation };
}
