import { describeError, isLeaseLost } from '../../core/errors.ts';
import type { Facts } from '../../core/facts.ts';
import { bounded, type Turn } from '../engine.ts';
import { deadPrints } from '../evidence.ts';
import { succeeded, type Outcome } from './outcome.ts';

/**
 * Removes what stores still keep of dead keys: an emergency revokes first and asks no store, and what its rotation
 * took the place of may have left values staged or displaced. A store that fails keeps nobody up: the next payment looks again.
 */
export async function tidy(turn: Turn, facts: Facts): Promise<Outcome> {
  const { engine, plugins } = turn;
  const dead = deadPrints(await engine.ledger.keysOf(facts.rotation.credential));
  for (const { store } of plugins.places) {
    try {
      await bounded(turn, store.callTimeoutMs, (signal) => store.retire((slot) => slot.role !== 'current' && dead.has(engine.fingerprint(slot.value)), 'superseded', signal));
    } catch (error) {
      if (isLeaseLost(error)) throw error;
      engine.log.warn({ credential: facts.rotation.credential, rotation: facts.rotation.id, place: store.describe, error: describeError(error) }, 'copies of dead keys could not be removed yet');
    }
  }
  return succeeded({ tidied: true });
}
