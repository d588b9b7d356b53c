/** Gather: the facts that the present state decides on. Reads only; whatever fails to answer becomes a fact too. */
import type { Facts } from '../../core/facts.ts';
import type { RotationState } from '../../core/vocabulary.ts';
import type { Lease } from '../../ports/ledger.ts';
import type { Turn } from '../engine.ts';
import { gatherDraining } from './draining.ts';
import { gatherGate } from './gate.ts';
import type { Gatherer } from './gatherer.ts';
import { gatherAborting, gatherCreating, gatherStaged } from './minting.ts';
import { gatherPreflight } from './preflight.ts';
import { gatherConfirmed, gatherPromoting, gatherRollingBack } from './serving.ts';

const nothing: Gatherer = async () => ({});

const GATHERERS: Readonly<Record<RotationState, Gatherer>> = {
  requested: gatherGate,
  preflight: gatherPreflight,
  blocked: gatherPreflight,
  creating: gatherCreating,
  staged: gatherStaged,
  verified: nothing,
  promoting: gatherPromoting,
  confirmed: gatherConfirmed,
  draining: gatherDraining,
  revoking: nothing,
  reporting: nothing,
  aborting: gatherAborting,
  rolling_back: gatherRollingBack,
  done: nothing,
  aborted: nothing,
  rolled_back: nothing,
};

export async function gather(turn: Turn): Promise<Facts> {
  const base = gatherBase(turn.lease);
  if (base.rotation.abortAsked !== null && ABORT_NEEDS_NOTHING.includes(base.rotation.state)) return base;
  return { ...base, ...(await GATHERERS[base.rotation.state](turn, base)) };
}

/** Where a person's abort is decided by the ledger alone. It then works too when issuer and stores do not. */
const ABORT_NEEDS_NOTHING: readonly RotationState[] = ['requested', 'preflight', 'blocked', 'staged', 'verified'];

/** What the ledger told when the lease was taken, or with the write that led here. */
function gatherBase({ rotation, situation }: Lease): Facts {
  const { now, oldKey, newKey, openDebts } = situation;
  const own = openDebts.filter((debt) => debt.rotationId === rotation.id);
  return {
    rotation,
    plan: rotation.plan,
    notes: rotation.notes,
    now,
    inStateMs: now.getTime() - rotation.stateSince.getTime(),
    oldKey,
    newKey,
    debts: {
      open: own.length,
      payable: own.filter((debt) => debt.nextTryAt <= now).length,
      untried: own.filter((debt) => debt.nextTryAt <= now && debt.attempts === 0).length,
      lastError: own.find((debt) => debt.lastError !== null)?.lastError ?? null,
      nextTryMs: Math.max(0, Math.min(...own.map((debt) => debt.nextTryAt.getTime() - now.getTime()))),
      oldestMs: Math.max(0, ...own.map((debt) => now.getTime() - debt.createdAt.getTime())),
    },
  };
}
