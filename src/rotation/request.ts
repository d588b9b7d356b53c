import type { Actor, Path } from '../core/vocabulary.ts';
import type { CredentialRecord, NewRotation, RequestOutcome } from '../ports/ledger.ts';
import type { Engine } from './engine.ts';

/** Asks for a rotation as a person wants it: one row in the ledger, then a wake-up. At most one is open per credential. */
export async function requestRotation(engine: Engine, record: CredentialRecord, kind: NewRotation['kind'], actor: Actor): Promise<RequestOutcome> {
  const path: Path = kind === 'emergency' ? 'emergency' : record.plan.policy.strategy;
  const { name: credential, plan, currentKeyId: oldKeyId } = record;
  const requested = await engine.ledger.request({ credential, kind, path, plan, actor, oldKeyId });
  const job = requested.rotation.kind === 'emergency' ? 'advance-emergency' : 'advance';
  await engine.queue.wake(job, { rotation: requested.rotation.id });
  if (requested.outcome === 'created') {
    engine.log.info({ credential, rotation: requested.rotation.id, kind, by: actor.who, why: actor.why }, 'rotation requested');
  }
  return requested;
}

/** Wakes rotations by id; those that are asked for twice while they wait run once. */
export async function wakeRotations({ queue }: Pick<Engine, 'queue'>, ids: readonly string[]): Promise<void> {
  await queue.wakeAll('advance', ids.map((rotation) => ({ payload: { rotation }, dedupeKey: rotation })));
}
