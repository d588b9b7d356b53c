/** The step loop: gather facts, decide, act, write; until nothing more can be done now. */
import { decide, type Decision } from '../core/decide.ts';
import { describeError, isLeaseLost } from '../core/errors.ts';
import type { Facts, Notes } from '../core/facts.ts';
import { isTerminal } from '../core/vocabulary.ts';
import type { Change, CommitOutcome, Lease } from '../ports/ledger.ts';
import { act } from './act/index.ts';
import { troubleOf } from './act/outcome.ts';
import { goChange, waitChange, writeChange } from './change.ts';
import { LEASE_MS, LONGEST_EFFECT_MS, type Engine, type Plugins, type Turn } from './engine.ts';
import { gather } from './gather/index.ts';

/** Waits shorter than this are not worth giving the lease back for. */
const CONTENDED_MS = 2_000;
const TELL_AFTER_ERRORS = 5;

/**
 * Advances one rotation as far as it goes now. Returns at once when another worker holds it. Safe to call at any time,
 * any number of times, from any number of workers (promise 6).
 */
export async function advance(engine: Engine, rotationId: string, signal: AbortSignal): Promise<void> {
  const lease = await engine.ledger.lease(rotationId, engine.worker, LEASE_MS);
  if (lease === null) return;
  const holder: Holder = { lease, hazardOpen: lease.takenOver };
  try {
    await steps(engine, holder, signal);
  } catch (error) {
    await stumble(engine, holder, error);
  } finally {
    // A hazard that could not be noted is left for the next to find: it then takes over from us.
    if (!holder.hazardOpen) await engine.ledger.release(holder.lease).catch(() => undefined);
  }
  await wakeLater(engine, holder.lease);
}

interface Holder {
  lease: Lease;
  /** A former holder may still act, and the ledger does not say so yet. */
  hazardOpen: boolean;
}

async function steps(engine: Engine, holder: Holder, signal: AbortSignal): Promise<void> {
  if (holder.hazardOpen) {
    holder.lease = await noteTakeover(engine, holder.lease);
    holder.hazardOpen = false;
  }
  const opened = await openPlugins(engine, holder.lease);
  const turn: Turn = { engine, signal, get plugins() { return opened(); }, get lease() { return holder.lease; }, set lease(lease) { holder.lease = lease; } };
  while (!signal.aborted) {
    if (turn.lease.rotation.resumeAsked !== null) turn.lease = await startOver(engine, turn.lease);
    const facts = await gather(turn);
    if (askedSince(facts, turn.lease)) {
      turn.lease = await lookAgain(engine, turn.lease);
      continue;
    }
    const rests = await take(turn, facts, decide(facts));
    if (rests || isTerminal(turn.lease.rotation.state)) return;
  }
}

/** The holder before may still be acting: what it sent is unknown, and its longest effect is waited out before a revoke. */
async function noteTakeover(engine: Engine, lease: Lease): Promise<Lease> {
  const notes = lease.rotation.notes as Notes;
  const hazardUntil = new Date(lease.situation.now.getTime() + LONGEST_EFFECT_MS).toISOString();
  return await commit(engine, lease, { notes: { ...notes, hazardUntil } });
}

/** What does not open (a reference that no longer resolves) fails the step that needs it: to give a rotation up may need none. */
async function openPlugins(engine: Engine, lease: Lease): Promise<() => Plugins> {
  try {
    const plugins = await engine.plugins(lease.rotation.plan);
    return () => plugins;
  } catch (error) {
    return () => { throw error; };
  }
}

/** A person asked that it try again now: nothing is waited out that only backs off. */
async function startOver(engine: Engine, lease: Lease): Promise<Lease> {
  const { trouble: _trouble, waited: _waited, ...notes } = lease.rotation.notes as Notes;
  return await commit(engine, lease, { notes, resumeAnswered: true });
}

/** A renewed lease can show what a person asked while facts were gathered: then they are gathered again. */
function askedSince(facts: Facts, { rotation }: Lease): boolean {
  return rotation.resumeAsked !== null || (rotation.abortAsked !== null && facts.rotation.abortAsked === null);
}

/** Carries a decision out. Answers whether the rotation rests now. */
async function take(turn: Turn, facts: Facts, decision: Decision): Promise<boolean> {
  const { engine } = turn;
  switch (decision.kind) {
    case 'wait': {
      turn.lease = await commit(engine, turn.lease, waitChange(turn, facts, decision));
      return true;
    }
    case 'write': {
      turn.lease = await commit(engine, turn.lease, await writeChange(turn, facts, decision));
      return false;
    }
    case 'effect': {
      const outcome = await act(turn, facts, decision.effect);
      const { notes, wakeInMs } = { notes: merged(turn.lease.rotation.notes, outcome.notes), wakeInMs: outcome.restMs ?? 0 };
      turn.lease = await commit(engine, turn.lease, { ...outcome.change, reason: decision.reason, message: decision.message, notes, wakeInMs });
      return outcome.restMs !== undefined;
    }
    case 'go':
      return await go(turn, facts, decision);
  }
}

async function go(turn: Turn, facts: Facts, decision: Decision & { kind: 'go' }): Promise<boolean> {
  const { engine, lease } = turn;
  const from = lease.rotation.state;
  const outcome = await engine.ledger.commit(lease, from, await goChange(turn, facts, decision));
  if (outcome.outcome === 'ok') {
    turn.lease = outcome.lease;
    logTransition(engine, facts, decision);
    return false;
  }
  if (outcome.outcome === 'asked') {
    turn.lease = await lookAgain(engine, { ...lease, rotation: outcome.rotation });
    return false;
  }
  turn.lease = await commit(engine, turn.lease, { ...contended(outcome), wakeInMs: CONTENDED_MS });
  return true;
}

function contended(outcome: Exclude<CommitOutcome, { outcome: 'ok' | 'asked' }>): Change {
  switch (outcome.outcome) {
    case 'locked':
      return { reason: 'location_locked', message: `Rotation ${outcome.holder} is writing to ${outcome.location}; waiting for it.` };
    case 'no-slot':
      return { reason: 'slot_reserved', message: `The last free key slot(s) are reserved by ${outcome.reserved} other rotation(s); waiting.` };
    case 'paced':
      return { reason: 'paced', message: 'Enough rotations of this issuer are under way; waiting for their turn to end.' };
  }
}

/** A write that changes nothing: the ledger's facts as they are now. */
async function lookAgain(engine: Engine, lease: Lease): Promise<Lease> {
  return await commit(engine, lease, {});
}

async function commit(engine: Engine, lease: Lease, change: Change): Promise<Lease> {
  const outcome = await engine.ledger.commit(lease, lease.rotation.state, change);
  if (outcome.outcome !== 'ok') throw new Error(`a write without conditions was answered ${outcome.outcome}`);
  return outcome.lease;
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
    // The answer to the last write may have been lost: whatever it wrote is read anew, not written over from memory.
    const current = await engine.ledger.rotation(rotation.id);
    if (current === null || isTerminal(current.state)) return;
    const trouble = troubleOf(current.notes, await engine.ledger.now(), error);
    const delay = Math.min(60_000, 1_000 * 2 ** Math.min(6, trouble.count));
    const message = `${describeError(error)}${trouble.count >= TELL_AFTER_ERRORS ? ' It has failed repeatedly.' : ''}`;
    holder.lease = await commit(engine, { ...holder.lease, rotation: current }, { reason: 'error', message, notes: { ...current.notes, trouble }, wakeInMs: delay });
  } catch (second) {
    log.warn({ error: describeError(second) }, 'the failure could not be recorded; the sweep finds the rotation again');
  }
}

/** The queue is only asked to wake it on time; the sweep finds it in any case. */
async function wakeLater(engine: Engine, { rotation }: Lease): Promise<void> {
  if (rotation.wakeAt === null) {
    // Its end decides when the credential is due next.
    await engine.queue.wake('due-sweep', {}, { dedupeKey: 'due-sweep' });
    return;
  }
  const delayMs = Math.max(0, rotation.wakeAt.getTime() - (await engine.ledger.now()).getTime());
  await engine.queue.wake('advance', { rotation: rotation.id }, { delayMs });
}

function logTransition(engine: Engine, facts: Facts, decision: Decision & { kind: 'go' }): void {
  const { id, credential, state } = facts.rotation;
  engine.log.info(
    { credential, rotation: id, oldKey: facts.oldKey?.issuerKeyId, newKey: facts.newKey?.issuerKeyId, from: state, to: decision.to, reason: decision.reason },
    `${state} → ${decision.to}: ${decision.message}`,
  );
}
