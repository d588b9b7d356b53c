import type { Actor, RotationState } from '../../../src/core/vocabulary.ts';
import type { Remark } from '../../../src/ledger/transitions.ts';
import { appendAudit } from './audit.ts';
import type { State } from './state.ts';
import type { RotationRow } from './tables.ts';

/** Writes that a rotation came to where `rotation` now is, into its history and into the audit log. */
export function recordTransition(
  state: State,
  rotation: RotationRow,
  from: RotationState | null,
  by: { readonly worker: string; readonly actor: Actor },
): void {
  const { id, credential, state: to, reason, message, epoch, kind, path } = rotation;
  const seq = (state.counts.transitions += 1);
  state.transitions.put({ seq, rotationId: id, at: state.now(), from, to, reason, message, epoch, worker: by.worker });
  const type = from === null ? 'rotation.requested' : 'rotation.transition';
  const detail = { from, to, reason, message, epoch, kind, path };
  appendAudit(state, { type, actor: by.actor, credential, rotationId: id, keyId: null, detail });
}

/** Writes a remark into the history and the audit log; the rotation stays as it is. */
export function recordRemark(state: State, { id, credential, state: at, epoch }: RotationRow, { reason, message, by }: Remark): void {
  const seq = (state.counts.transitions += 1);
  state.transitions.put({ seq, rotationId: id, at: state.now(), from: at, to: at, reason, message, epoch, worker: by.worker });
  appendAudit(state, { type: `rotation.${reason}`, actor: by.actor, credential, rotationId: id, keyId: null, detail: { state: at, message, epoch } });
}
