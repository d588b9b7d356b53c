import { windowState } from '../../core/window.ts';
import type { Pause } from '../../ports/ledger.ts';
import type { Gatherer } from './gatherer.ts';

/** May it begin now: pauses and the maintenance window. */
export const gatherGate: Gatherer = async (turn, base) => {
  if (base.rotation.path === 'emergency') return { everyKey: await turn.engine.ledger.keysOf(base.rotation.credential) };
  const pause = pauseFor(await turn.engine.ledger.pauses(), base.rotation.credential, base.plan.issuer.name);
  const window = base.plan.policy.window === null ? null : windowState(base.plan.policy.window, base.now);
  return {
    currentKeyId: turn.lease.situation.currentKeyId,
    gate: {
      pausedBy: pause === null ? null : `${pause.actor.who} (${pause.actor.why})`,
      windowOpensInMs: window === null || window.open ? null : window.opensAt.getTime() - base.now.getTime(),
    },
  };
};

/** The pause that holds a credential, its issuer, or everything. */
export function pauseFor(pauses: readonly Pause[], credential: string, issuer: string): Pause | null {
  const holds = (p: Pause): boolean =>
    p.scope === 'all' || (p.scope === 'issuer' && p.name === issuer) || (p.scope === 'credential' && p.name === credential);
  return pauses.find(holds) ?? null;
}
