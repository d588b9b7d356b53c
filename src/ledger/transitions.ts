import type { Actor, RotationState } from '../core/vocabulary.ts';
import type { Rotation } from '../ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { NOW, type Tx } from './sql.ts';

/** Writes that a rotation came to where `rotation` now is, into its history and into the audit log. */
export async function recordTransition(
  tx: Tx,
  rotation: Rotation,
  from: RotationState | null,
  by: { readonly worker: string; readonly actor: Actor },
): Promise<void> {
  const { id, credential, state, reason, message, epoch } = rotation;
  await tx
    .insertInto('transitions')
    .values({ rotation_id: id, at: NOW, from_state: from, to_state: state, reason, message, epoch, worker: by.worker })
    .execute();
  const type = from === null ? 'rotation.requested' : 'rotation.transition';
  const detail = { from, to: state, reason, message, epoch, kind: rotation.kind, path: rotation.path };
  await appendAudit(tx, [{ type, actor: by.actor, credential, rotationId: id, keyId: null, detail }]);
}
