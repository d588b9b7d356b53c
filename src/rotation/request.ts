import type { Actor, Path, RotationKind } from '../core/vocabulary.ts';
import type { CredentialRecord, RequestOutcome } from '../ports/ledger.ts';
import type { Engine } from './engine.ts';

/** Asks for a rotation: one row in the ledger, then a wake-up. At most one is open per credential. */
export async function requestRotation(engine: Engine, record: CredentialRecord, kind: RotationKind, actor: Actor, occurrence: Date | null): Promise<RequestOutcome> {
  const path: Path = kind === 'emergency' ? 'emergency' : record.plan.policy.strategy;
  const { name: credential, plan, currentKeyId: oldKeyId } = record;
  const requested = await engine.ledger.request({ credential, kind, path, plan, actor, occurrence, oldKeyId });
  if (requested.outcome !== 'answered') {
    const job = requested.rotation.kind === 'emergency' ? 'advance-emergency' : 'advance';
    await engine.queue.wake(job, { rotation: requested.rotation.id });
  }
  if (requested.outcome === 'created') {
    engine.log.info({ credential, rotation: requested.rotation.id, kind, by: actor.who, why: actor.why }, 'rotation requested');
  }
  return requested;
}
