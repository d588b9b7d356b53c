/** The step loop: gather facts, decide, act, write; until nothing more can be done now. */
import { decide, type Decision } from '../core/decide.ts';
import { describeError, isLeaseLost } from '../core/errors.ts';
import type { Facts, Notes } from '../core/facts.ts';
import { isTerminal } from '../core/vocabulary.ts';
import type { Change, CommitOutcome, Lease } from '../ports/ledger.ts';
import { act } from './act/index.ts';
import { troubleOf } from './act/outcome.ts';
import { goChange, waitChange, writeChange } from './change.ts';
import { LEASE_MS, LONGEST_EFFECT_MS, type Engine, type Turn } from './engine.ts';
import { gather } from './gather/index.ts';

/** Waits shorter than this are not worth giving the lease back for. */
const CONTENDED_MS = 2_000;
const TELL_AFTER_ERRORS = 5;

/**
 * Advances one rotation as far as it goes now. Returns at once when another worker holds it. Safe to call at any time,
 * any number of times, from any number of workers (promise 6). Answers whether something may wait in the outbox now.
 */
export async function advance(engine: Engine, rotationId: string, signal: AbortSignal): Promise<boolean> {
  const lease = await engine.ledger.lease(rotationId, engine.worker, LEASE_MS);
  if (lease === null) return false;
  const holder: Holder = { lease, leftMs: LEASE_MS, tells: false };
  try {
    await steps(engine, holder, signal);
  } catch (error) {
    await stumble(engine, holder, error);
  } finally {
    // Whoever rests or ended has given it back with the last write.
    if (holder.leftMs > 0) await engine.ledger.release(holder.lease).catch(() => undefined);
  }
  await wakeLater(engine, holder.lease);
  return holder.tells;
}

/** The lease, and what is surely left of it; nothing once it was given back. */
interface Holder extends Pick<Turn, 'lease' | 'leftMs'> {
  /** Whether anything was written that people may have to be told. */
  tells: boolean;
}

async function steps(engine: Engine, holder: Holder, signal: AbortSignal): Promise<void> {
  if (holder.lease.takenOver) await noteTakeover(engine, holder);
  const plugins = await engine.plugins(holder.lease.rotation.plan);
  const turn: Turn & Holder = Object.assign(holder, { engine, plugins, signal });
  while (!signal.aborted) {
    const facts = await gather(turn);
    const rests = await take(turn, facts, decide(facts));
    if (rests || isTerminal(turn.lease.rotation.state)) return;
  }
}

/** The holder before may still be acting: what it sent is unknown, and its longest effect is waited out before a revoke. */
async function noteTakeover(engine: Engine, holder: Holder): Promise<void> {
  const { rotation, situation } = holder.lease;
  const hazardUntil = new Date(situation.now.getTime() + LONGEST_EFFECT_MS).toISOString();
  await commit(engine, holder, { notes: { ...(rotation.notes as Notes), hazardUntil } });
}

/** Carries a decision out. Answers whether the rotation rests now. */
async function take(turn: Turn & Holder, facts: Facts, decision: Decision): Promise<boolean> {
  const { engine } = turn;
  switch (decision.kind) {
    case 'wait': {
      await commit(engine, turn, waitChange(turn, facts, decision), true);
      return true;
    }
    case 'write': {
      await commit(engine, turn, await writeChange(turn, facts, decision));
      return false;
    }
    case 'effect': {
      const outcome = await act(turn, facts, decision.effect);
      const { notes, wakeInMs } = { notes: merged(turn.lease.rotation.notes, outcome.notes), wakeInMs: outcome.restMs ?? 0 };
      const rests = outcome.restMs !== undefined;
      turn.tells ||= rests; // what could not be done may have told by itself
      await commit(engine, turn, { ...outcome.change, reason: decision.reason, message: decision.message, notes, wakeInMs }, rests);
      return rests;
    }
    case 'go':
      return await go(turn, facts, decision);
  }
}

async function go(turn: Turn & Holder, facts: Facts, decision: Decision & { kind: 'go' }): Promise<boolean> {
  const { engine } = turn;
  const outcome = await write(engine, turn, await goChange(turn, facts, decision), isTerminal(decision.to));
  if (outcome.outcome === 'ok') {
    logTransition(engine, facts, decision);
    return false;
  }
  await commit(engine, turn, { ...contended(outcome), wakeInMs: CONTENDED_MS }, true);
  return true;
}

function contended(outcome: Exclude<CommitOutcome, { outcome: 'ok' }>): Change {
  switch (outcome.outcome) {
    case 'locked':
      return { reason: 'location_locked', message: `Rotation ${outcome.holder} is writing to ${outcome.location}; waiting for it.` };
    case 'no-slot':
      return { reason: 'slot_reserved', message: `The last free key slot(s) are reserved by ${outcome.reserved} other rotation(s); waiting.` };
    case 'paced':
      return { reason: 'paced', message: 'Enough rotations of this issuer are under way; waiting for their turn to end.' };
  }
}

/** The guarded write, which renews the lease too, or gives it back when the rotation rests now. */
async function write(engine: Engine, holder: Holder, change: Change, rests: boolean): Promise<CommitOutcome> {
  const { lease } = holder;
  holder.tells ||= (change.notices ?? []).some((notice) => notice.channels.length > 0);
  const outcome = await engine.ledger.commit(lease, lease.rotation.state, { ...change, leaseMs: rests ? null : LEASE_MS });
  if (outcome.outcome === 'ok') Object.assign(holder, { lease: outcome.lease, leftMs: rests ? 0 : LEASE_MS });
  return outcome;
}

async function commit(engine: Engine, holder: Holder, change: Change, rests = false): Promise<void> {
  const outcome = await write(engine, holder, change, rests);
  if (outcome.outcome !== 'ok') throw new Error(`a write without conditions was answered ${outcome.outcome}`);
}

function merged(notes: Readonly<Record<string, unknown>>, patch: Partial<Notes>): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...notes, ...patch }).filter(([, value]) => value !== undefined));
}

/** Something unforeseen: another worker took over (then nothing is written), or a defect or an outage (then it is tried again). */
async function stumble(engine: Engine, holder: Holder, error: unknown): Promise<void> {
  const { rotation } = holder.lease;
  const log = engine.log.child({ credential: rotation.credential, rotation: rotation.id });
  if (isLeaseLost(error)) {
    log.info({ epoch: holder.lease.epoch }, 'another worker took this rotation over');
    return;
  }
  log.error({ err: error }, 'a step failed unexpectedly; trying again');
  try {
    const trouble = troubleOf(rotation.notes, await engine.ledger.now(), error);
    const delay = Math.min(60_000, 1_000 * 2 ** Math.min(6, trouble.count));
    const message = `${describeError(error)}${trouble.count >= TELL_AFTER_ERRORS ? ' It has failed repeatedly.' : ''}`;
    await commit(engine, holder, { reason: 'error', message, notes: { ...rotation.notes, trouble }, wakeInMs: delay }, true);
  } catch (second) {
    log.warn({ error: describeError(second) }, 'the failure could not be recorded; the sweep finds the rotation again');
  }
}

/** The queue is only asked to wake it on time; the sweep finds it in any case. */
async function wakeLater(engine: Engine, { rotation, situation }: Lease): Promise<void> {
  if (rotation.wakeAt !== null) {
    const delayMs = Math.max(0, rotation.wakeAt.getTime() - situation.now.getTime());
    await engine.queue.wake('advance', { rotation: rotation.id }, { delayMs });
    return;
  }
  // Its end decides when the credential is due next: of one that is done its last write has told.
  if (rotation.state !== 'done') await engine.queue.wake('due-sweep', {}, { dedupeKey: 'due-sweep' });
}

function logTransition(engine: Engine, facts: Facts, decision: Decision & { kind: 'go' }): void {
  const { id, credential, state } = facts.rotation;
  engine.log.info(
    { credential, rotation: id, oldKey: facts.oldKey?.issuerKeyId, newKey: facts.newKey?.issuerKeyId, from: state, to: decision.to, reason: decision.reason },
    `${state} → ${decision.to}: ${decision.message}`,
  );
}
