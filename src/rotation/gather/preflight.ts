import type { Gatherer } from './gatherer.ts';
import { prove } from '../preflight.ts';

/** Proves that the rotation can succeed, before anything is created. Asked again while it is blocked. */
export const gatherPreflight: Gatherer = async (turn, base) => {
  const revokedFirst = base.rotation.path === 'emergency' || base.oldKey?.state === 'revoked';
  const report = await prove(turn.engine, turn.plugins, turn.signal, {
    plan: base.plan,
    oldKey: revokedFirst ? null : base.oldKey,
    openDebts: turn.lease.situation.openDebts,
    rotationId: base.rotation.id,
    forwardOnly: revokedFirst,
  });
  return { currentKeyId: turn.lease.situation.currentKeyId, preflight: { problems: report.problems, slots: report.slots, empty: report.empty }, ...(revokedFirst ? {} : { oldKeyAlive: report.oldKeyAlive }) };
};
