/** Revocations that should have happened by now. */
import { isOverdue } from '../../core/debt.ts';
import { hours } from '../../core/duration.ts';
import type { RevocationDebt } from '../../core/vocabulary.ts';
import { payDebt } from '../debts.ts';
import type { Engine } from '../engine.ts';
import { failed, leftAlone, settled, type Disorder, type Finder } from './disorder.ts';

/** For a credential that the configuration does not know any more, where the ledger alone is read. */
const UNKNOWN_STUCK_MS = hours(24);

export const findOverdueDebts: Finder = async (engine, records, signal) => {
  signal.throwIfAborted();
  const now = await engine.ledger.now();
  const stuckMs = new Map([...(await engine.ledger.credentials()), ...records].map((record) => [record.name, record.plan.policy.deadlines.stuckMs]));
  const debts = await engine.ledger.openDebts({});
  return debts.filter((debt) => isOverdue(debt, now, stuckMs.get(debt.credential) ?? UNKNOWN_STUCK_MS)).map((debt) => disorderOf(engine, debt, now));
};

function disorderOf(engine: Engine, debt: RevocationDebt, now: Date): Disorder {
  const { credential, issuerKeyId, cause, attempts, lastError } = debt;
  const age = ((now.getTime() - debt.createdAt.getTime()) / 3_600_000).toFixed(1);
  // Never tried: it waits until a frozen worker can have no effect under way any more.
  const hazard = attempts === 0 && debt.nextTryAt > now;
  return {
    scope: credential, what: debt.id, subject: 'debt', name: `${credential}: ${issuerKeyId}`, level: 'problem',
    message: `Key ${issuerKeyId} should be revoked (${cause}) and is not, for ${age} h and after ${attempts} ${attempts === 1 ? 'try' : 'tries'}${lastError === null ? '.' : `: ${lastError}`}`,
    leftAlone: hazard ? `a worker that lost its lease may still be acting until ${debt.nextTryAt.toISOString()}` : null,
    settle: hazard ? null : {
      does: 'try it now instead of waiting for its turn',
      safe: ['emergency', 'replaced'].includes(cause) ? 'the key is meant to die before anything else, as was decided' : 'every store is read again first, and it is refused while one of them serves the key',
      async act(actor, signal) {
        if (!(await engine.ledger.hurryDebt(debt.id, actor))) return leftAlone('it is paid, or a worker is at it right now');
        if ((await payDebt(engine, debt, signal)) === 'paid') return settled('it is revoked');
        const after = await engine.ledger.debt(debt.id);
        return after?.settledAt == null ? failed(`not yet: ${after?.lastError ?? 'another worker is at it'}`) : settled('it is revoked');
      },
    },
  };
}
