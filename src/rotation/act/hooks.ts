import type { Facts } from '../../core/facts.ts';
import { bounded, LONGEST_EFFECT_MS, type Turn } from '../engine.ts';
import { failed, succeeded, type Outcome } from './outcome.ts';

/** Runs every reload hook; all must succeed. Receivers de-duplicate by the event's id, so a repeat is harmless. */
export async function runHooks(turn: Turn, facts: Facts, event: 'promoted' | 'rolled_back'): Promise<Outcome> {
  const { id, credential } = facts.rotation;
  // A rotation that had to go forward again tells its receivers anew.
  const round = facts.notes.forwardAgain === undefined ? '' : `:${facts.notes.forwardAgain}`;
  try {
    for (const hook of turn.plugins.hooks) {
      await bounded(turn, LONGEST_EFFECT_MS, (signal) => hook.run({ event, credential, rotationId: id, id: `${id}:${event}${round}` }, signal));
    }
    return succeeded({ hooksRun: [...(facts.notes.hooksRun ?? []), event] });
  } catch (error) {
    return failed(facts, error);
  }
}
