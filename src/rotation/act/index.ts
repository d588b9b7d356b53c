/** Act: one effect in the outside world, and what the guarded write after it is to record. */
import type { Facts } from '../../core/facts.ts';
import type { Effect } from '../../core/transitions/index.ts';
import { payDebt } from '../debts.ts';
import type { Turn } from '../engine.ts';
import { runHooks, runHooksMeanwhile } from './hooks.ts';
import { discardStaged, mint } from './mint.ts';
import { succeeded, type Outcome } from './outcome.ts';
import { promote, restore } from './promote.ts';
import { tidy } from './tidy.ts';

type Act = (turn: Turn, facts: Facts) => Promise<Outcome>;

const ACTS: Readonly<Record<Effect, Act>> = {
  mint,
  discard_staged: discardStaged,
  promote,
  restore,
  hooks_promoted: (turn, facts) => runHooks(turn, facts, 'promoted'),
  hooks_meanwhile: runHooksMeanwhile,
  hooks_rolled_back: (turn, facts) => runHooks(turn, facts, 'rolled_back'),
  pay_debts: payOwnDebts,
  tidy,
};

export async function act(turn: Turn, facts: Facts, effect: Effect): Promise<Outcome> {
  return await ACTS[effect](turn, facts);
}

const UNPAID_REST_MS = 1_000;

/** Pays this rotation's debts here and now rather than in a job of their own; what cannot be paid stays with that job. */
async function payOwnDebts(turn: Turn, facts: Facts): Promise<Outcome> {
  const { rotation, situation } = turn.lease;
  const debts = situation.openDebts.filter((debt) => debt.rotationId === facts.rotation.id);
  let paid = 0;
  for (const debt of debts) {
    if ((await payDebt(turn.engine, debt, turn.signal, rotation)) === 'paid') paid += 1;
  }
  return paid === debts.length ? succeeded() : { ...succeeded(), restMs: UNPAID_REST_MS };
}
