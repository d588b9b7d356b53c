import { scrub } from '../core/secret.ts';
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

/** What is told in a rotation's history without a change of its state. */
export interface Remark {
  readonly reason: 'taken_over' | 'asked_abort' | 'asked_resume';
  readonly message: string;
  readonly by: { readonly worker: string; readonly actor: Actor };
}

/** Writes a remark into the history, and into the audit log as `rotation.<reason>`. State, reason and message of the rotation stay. */
export async function recordRemark(tx: Tx, rotation: Rotation, { reason, message, by }: Remark): Promise<void> {
  const { id, credential, state, epoch } = rotation;
  await tx
    .insertInto('transitions')
    .values({ rotation_id: id, at: NOW, from_state: state, to_state: state, reason, message: scrub(message), epoch, worker: by.worker })
    .execute();
  const detail = { state, message: scrub(message), epoch };
  await appendAudit(tx, [{ type: `rotation.${reason}`, actor: by.actor, credential, rotationId: id, keyId: null, detail }]);
}
