/** The due sweep: what the schedule asks for becomes a rotation, once an occurrence, however many were missed. */
import { credentialUnbound } from '../alerts/notices.ts';
import { hours, minutes } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import { nextDue, occurrenceDue, type DueFacts } from '../core/policy.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { CredentialRecord, Rotation } from '../ports/ledger.ts';
import { bind } from './bind.ts';
import type { Engine } from './engine.ts';
import { requestRotation } from './request.ts';

const BATCH = 500;
const UNBOUND_AGAIN_MS = minutes(1);
const UNBOUND_REPEAT_MS = hours(24);
const SCHEDULE: Actor = { who: 'schedule', why: 'due by policy' };
const BOOTSTRAP: Actor = { who: 'schedule', why: 'the credential has no key yet' };
const CONFIGURATION: Actor = { who: 'schedule', why: 'adoption declared in the configuration' };

/** Considers every credential that may be due, and wakes every rotation that should be moving. */
export async function sweep(engine: Engine, signal: AbortSignal): Promise<void> {
  for (const record of await engine.ledger.dueCredentials(BATCH)) {
    if (signal.aborted) return;
    try {
      await consider(engine, record, signal);
    } catch (error) {
      engine.log.warn({ credential: record.name, error: describeError(error) }, 'could not be scheduled; the next sweep tries again');
    }
  }
  for (const rotation of await engine.ledger.wakeable(BATCH)) await engine.queue.wake('advance', { rotation }, { dedupeKey: rotation });
}

async function consider(engine: Engine, record: CredentialRecord, signal: AbortSignal): Promise<void> {
  const now = await engine.ledger.now();
  const [last] = await engine.ledger.rotations({ credential: record.name }, { limit: 1 });
  const current = record.currentKeyId === null ? null : await engine.ledger.key(record.currentKeyId);
  if (current === null) return await considerUnbound(engine, record, last, now, signal);
  const facts = dueFacts(record, current);
  const due = occurrenceDue(record.plan.policy, facts, now);
  if (due === null) return await engine.ledger.setDue(record.name, nextDue(record.plan.policy, { ...facts, after: now }));
  const retryAt = retryAfterFailure(record, last, due.dueAt);
  if (retryAt !== null && retryAt > now) return await engine.ledger.setDue(record.name, earlier(retryAt, nextDue(record.plan.policy, { ...facts, after: now })));
  const requested = await requestRotation(engine, record, 'scheduled', SCHEDULE, retryAt ?? due.occurrence);
  if (requested.outcome === 'answered') await engine.ledger.setDue(record.name, nextDue(record.plan.policy, { ...facts, after: now }));
}

export function dueFacts(record: CredentialRecord, current: KeyRecord | null): DueFacts {
  return { credential: record.name, lastRotatedAt: record.lastRotatedAt, createdAt: current?.createdAt ?? record.firstSeenAt };
}

/** When the occurrence's rotation failed: the instant of its next try. Null when nothing has answered the occurrence yet. */
function retryAfterFailure(record: CredentialRecord, last: Rotation | undefined, dueAt: Date): Date | null {
  if (last?.finishedAt == null || last.state === 'done' || last.createdAt < dueAt) return null;
  return new Date(last.finishedAt.getTime() + record.plan.policy.deadlines.retryMs);
}

function earlier(a: Date, b: Date | null): Date {
  return b !== null && b < a ? b : a;
}

/** A credential without a key: adopt what its stores serve, or mint its first. */
async function considerUnbound(engine: Engine, record: CredentialRecord, last: Rotation | undefined, now: Date, signal: AbortSignal): Promise<void> {
  const retryAt = retryAfterFailure(record, last, new Date(0));
  if (retryAt !== null && retryAt > now) return await engine.ledger.setDue(record.name, retryAt);
  const known = (await engine.ledger.keysOf(record.name)).length > 0;
  const binding = await bind(engine, record.plan, known ? null : record.plan.adopt, CONFIGURATION, signal);
  switch (binding.outcome) {
    case 'bound':
      return await engine.ledger.setDue(record.name, nextDue(record.plan.policy, { ...dueFacts(record, binding.key), after: now }));
    case 'bootstrap':
      await requestRotation(engine, record, 'scheduled', BOOTSTRAP, retryAt ?? last?.finishedAt ?? record.firstSeenAt);
      return;
    case 'unbound': {
      const notice = credentialUnbound({ credential: record.name, issuer: record.issuer, owner: record.owner, code: binding.code, why: binding.why, todo: binding.todo });
      await engine.ledger.notify(notice, record.plan.channels[notice.severity], UNBOUND_REPEAT_MS);
      engine.log.warn({ credential: record.name, reason: binding.code }, binding.why);
      return await engine.ledger.setDue(record.name, new Date(now.getTime() + UNBOUND_AGAIN_MS));
    }
  }
}
