import type { Facts, Notes } from '../../core/facts.ts';
import { bounded, LONGEST_EFFECT_MS, type Turn } from '../engine.ts';
import { failed, succeeded, type Outcome } from './outcome.ts';

/** Runs every reload hook; all must succeed. Receivers de-duplicate by the event's id, so a repeat is harmless. */
export async function runHooks(turn: Turn, facts: Facts, event: 'promoted' | 'rolled_back'): Promise<Outcome> {
  return await run(turn, facts, event, '', { hooksRun: [...(facts.notes.hooksRun ?? []), event] });
}

/**
 * For the places that serve the new key while others fail: those that follow are told again, as something new. What fails here
 * keeps nobody up; all are told once all serve it.
 */
export async function runHooksMeanwhile(turn: Turn, facts: Facts): Promise<Outcome> {
  const hooksAt = (facts.places ?? []).filter((place) => place.serving === 'new').length;
  const outcome = await run(turn, facts, 'promoted', `:${hooksAt}`, { hooksAt });
  return { ...outcome, notes: { ...outcome.notes, hooksAt } };
}

async function run(turn: Turn, facts: Facts, event: 'promoted' | 'rolled_back', part: string, ran: Partial<Notes>): Promise<Outcome> {
  const { id, credential } = facts.rotation;
  // A rotation that had to go forward again tells its receivers anew.
  const round = facts.notes.forwardAgain === undefined ? '' : `:${facts.notes.forwardAgain}`;
  try {
    for (const hook of turn.plugins.hooks) {
      await bounded(turn, LONGEST_EFFECT_MS, (signal) => hook.run({ event, credential, rotationId: id, id: `${id}:${event}${round}${part}` }, signal));
    }
    return succeeded(ran);
  } catch (error) {
    return failed(facts, error);
  }
}
