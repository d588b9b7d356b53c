/** The notice of a decision that people are to hear of. */
import { revokedOnly, rotationAborted, rotationBlocked, rotationDone, rotationRolledBack, rotationWaiting, type KeyLabel } from '../alerts/notices.ts';
import type { Decision } from '../core/decide.ts';
import type { Facts } from '../core/facts.ts';
import { todoOf } from '../core/todo.ts';
import type { KeyRecord, Notice, RotationState } from '../core/vocabulary.ts';
import type { Turn } from './engine.ts';
import { problemsOf } from './recorded.ts';

export function noticeOf(turn: Turn, facts: Facts, decision: Decision): Notice {
  const subject = {
    credential: facts.rotation.credential,
    issuer: facts.plan.issuer.name,
    owner: facts.plan.owner,
    rotationId: facts.rotation.id,
    kind: facts.rotation.kind,
  };
  const to = decision.kind === 'go' ? decision.to : facts.rotation.state;
  const keys = { oldKey: label(facts.oldKey), newKey: label(facts.newKey) };
  const told = { ...subject, reason: decision.reason, message: decision.message };
  const failed = { ...told, ...keys, message: facts.notes.failure?.message ?? decision.message, ...askedBy(facts) };
  if (to === 'blocked') return rotationBlocked({ ...told, todo: todoAt(facts, decision, to) });
  if (to === 'aborted') return rotationAborted(failed);
  if (to === 'rolled_back' || decision.reason === 'new_key_overlap') return rotationRolledBack(failed);
  const tookMs = facts.now.getTime() - turn.lease.rotation.createdAt.getTime();
  if (to === 'done' && facts.rotation.path === 'emergency' && facts.newKey?.rotationId !== facts.rotation.id) {
    return revokedOnly({ ...subject, oldKey: keys.oldKey, keptKey: keys.newKey, places: turn.plugins.places.map((p) => p.store.describe), tookMs });
  }
  if (to === 'done' && keys.newKey !== null) {
    return rotationDone({ ...subject, oldKey: keys.oldKey, newKey: keys.newKey, places: turn.plugins.places.map((p) => p.store.describe), tookMs });
  }
  return rotationWaiting({ ...told, todo: todoAt(facts, decision, to), state: facts.rotation.state, waitingMs: facts.inStateMs, holding: decision.tell === 'critical', ...meaning(decision.reason) });
}

/** Of what an emergency tells at once; the rest holds because applications are red. */
function meaning(reason: string): { means?: string } {
  const means = MEANINGS[reason];
  return means === undefined ? {} : { means };
}

const MEANINGS: Readonly<Record<string, string>> = {
  store_failed: 'Applications that read that store have no working key until it takes the new one. Keyturn keeps trying it, and has published to the others meanwhile.',
  record_failing_urgent: 'The leaked key is dead, and applications have none until the store of record takes a new one. Keyturn keeps trying.',
};

/** Ended at once, or turned back before on a person's word. */
function askedBy({ rotation: { abortAsked }, notes: { failure } }: Facts): { askedBy?: string } {
  const who = abortAsked?.who ?? failure?.askedBy;
  return who === undefined ? {} : { askedBy: who };
}

function label(key: KeyRecord | null): KeyLabel | null {
  return key === null ? null : { issuerKeyId: key.issuerKeyId, prefix: key.prefix };
}

function todoAt(facts: Facts, decision: Decision, state: RotationState): readonly string[] {
  const { id, credential, path } = facts.rotation;
  const { plan, oldKey, inStateMs } = facts;
  return todoOf({ id, credential, path, state, reason: decision.reason, plan, oldKey, inStateMs, notes: { ...facts.notes, problems: problemsOf(facts, decision) } });
}
