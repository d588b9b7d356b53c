import type { Actor, Path, RotationKind } from '../core/vocabulary.ts';
import type { CredentialRecord, NewRotation, RequestOutcome } from '../ports/ledger.ts';
import type { Engine } from './engine.ts';

type Asked = Pick<NewRotation, 'oldKeyId' | 'notes'>;

/** Asks for a rotation as a person wants it: one row in the ledger, then a wake-up. At most one is open per credential. */
export async function requestRotation(engine: Engine, record: CredentialRecord, kind: NewRotation['kind'], actor: Actor, asked: Asked = { oldKeyId: record.currentKeyId }): Promise<RequestOutcome> {
  const path: Path = kind === 'emergency' ? 'emergency' : record.plan.policy.strategy;
  const { name: credential, plan } = record;
  const requested = await engine.ledger.request({ credential, kind, path, plan, actor, ...asked });
  await engine.queue.wake(advancing(requested.rotation.kind), { rotation: requested.rotation.id });
  if (requested.outcome === 'created') {
    engine.log.info({ credential, rotation: requested.rotation.id, kind, by: actor.who, why: actor.why }, 'rotation requested');
  }
  return requested;
}

/** The job that advances it: an emergency has a lane of its own, each time that it is woken. */
export function advancing(kind: RotationKind): 'advance' | 'advance-emergency' {
  return kind === 'emergency' ? 'advance-emergency' : 'advance';
}

/** Wakes those that should be moving, emergencies in their own lane; `but` were woken already. */
export async function wakeWaiting(engine: Pick<Engine, 'queue' | 'ledger'>, limit: number, but: ReadonlySet<string> = new Set()): Promise<void> {
  const emergencies = await engine.ledger.wakeable(limit, 'emergency');
  await engine.queue.wakeAll('advance-emergency', emergencies.map((rotation) => ({ payload: { rotation }, dedupeKey: rotation })));
  const ids = await engine.ledger.wakeable(limit);
  await wakeRotations(engine, ids.filter((id) => !but.has(id) && !emergencies.includes(id)));
}

/** Wakes rotations by id; those that are asked for twice while they wait run once. */
export async function wakeRotations({ queue }: Pick<Engine, 'queue'>, ids: readonly string[]): Promise<void> {
  await queue.wakeAll('advance', ids.map((rotation) => ({ payload: { rotation }, dedupeKey: rotation })));
}
