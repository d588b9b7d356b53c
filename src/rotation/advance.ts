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
import { noteRecovery } from './recovery.ts';
import { advancing } from './request.ts';

/** What others hold is looked at again after `FIRST`, then ever more rarely: it may be held for hours, and each look asks the issuer. An emergency's look asks nobody. */
const [FIRST_CONTENDED_MS, LAST_CONTENDED_MS] = [2_000, 60_000];
const TELL_AFTER_ERRORS = 5;

/**
 * Advances one rotation as far as it goes now. Returns at once when another worker holds it. Safe to call at any time,
 * any number of times, from any number of workers (promise 6). Answers whether something may wait in the outbox now.
 */
export async function advance(engine: Engine, rotationId: string, signal: AbortSignal): Promise<boolean> {
  const lease = await engine.ledger.lease(rotationId, engine.worker, LEASE_MS);
  if (lease === null) return false;
  const holder = holderOf(engine, lease, signal);
  try {
    await steps(holder);
  } catch (error) {
    await stumble(holder, error);
  } finally {
    if (!holder.givenBack && !holder.hazardOpen) await engine.ledger.release(holder.lease).catch(() => undefined);
  }
  await wakeLater(engine, holder.lease);
  return holder.tells;
}

interface Holder extends Turn {
  /** A former holder may still act, and the ledger does not say so yet: the lease is left for the next to find, who then takes over from us. */
  hazardOpen: boolean;
  /** With the last write. */
  givenBack: boolean;
  /** Whether anything was written that people may have to be told. */
  tells: boolean;
  opened: () => Plugins;
}

function holderOf(engine: Engine, lease: Lease, signal: AbortSignal): Holder {
  return {
    engine, signal, lease, leftMs: LEASE_MS, hazardOpen: lease.takenOver, givenBack: false, tells: false,
    opened: () => { throw new Error('plug-ins are opened before the first step'); },
    get plugins() { return this.opened(); },
  };
}

async function steps(holder: Holder): Promise<void> {
  if (holder.hazardOpen) {
    await noteTakeover(holder);
    holder.hazardOpen = false;
  }
  holder.opened = await openPlugins(holder.engine, holder.lease);
  while (!holder.signal.aborted) {
    if (holder.lease.rotation.resumeAsked !== null) await startOver(holder);
    const facts = await noteRecovery(holder.engine, await gather(holder));
    if (askedSince(facts, holder.lease)) {
      await lookAgain(holder);
      continue;
    }
    const rests = await take(holder, facts, decide(facts));
    if (rests || isTerminal(holder.lease.rotation.state)) return;
  }
}

/** The holder before may still be acting: what it sent is unknown, and its longest effect is waited out before a revoke. */
async function noteTakeover(holder: Holder): Promise<void> {
  const { rotation, situation } = holder.lease;
  const hazardUntil = new Date(situation.now.getTime() + LONGEST_EFFECT_MS).toISOString();
  await commit(holder, { notes: { ...(rotation.notes as Notes), hazardUntil } });
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
async function startOver(holder: Holder): Promise<void> {
  const { trouble: _trouble, failing: _failing, waited: _waited, ...notes } = holder.lease.rotation.notes as Notes;
  await commit(holder, { notes, resumeAnswered: true });
}

/** A renewed lease can show what a person asked while facts were gathered: then they are gathered again. */
function askedSince(facts: Facts, { rotation }: Lease): boolean {
  return rotation.resumeAsked !== null || (rotation.abortAsked !== null && facts.rotation.abortAsked === null);
}

/** Carries a decision out. Answers whether the rotation rests now. */
async function take(holder: Holder, facts: Facts, decision: Decision): Promise<boolean> {
  switch (decision.kind) {
    case 'wait': {
      await commit(holder, waitChange(holder, facts, decision), true);
      return true;
    }
    case 'write': {
      await commit(holder, await writeChange(holder, facts, decision));
      return false;
    }
    case 'effect': {
      const outcome = await act(holder, facts, decision.effect);
      const { recovering } = facts.notes;
      const { notes, wakeInMs } = { notes: merged({ ...holder.lease.rotation.notes, recovering }, outcome.notes), wakeInMs: outcome.restMs ?? 0 };
      const rests = outcome.restMs !== undefined;
      holder.tells ||= rests; // what could not be done may have told by itself
      await commit(holder, { ...outcome.change, reason: decision.reason, message: decision.message, notes, wakeInMs }, rests);
      return rests;
    }
    case 'go':
      return await go(holder, facts, decision);
  }
}

async function go(holder: Holder, facts: Facts, decision: Decision & { kind: 'go' }): Promise<boolean> {
  const change = await goChange(holder, facts, decision);
  const outcome = await write(holder, change, isTerminal(decision.to));
  if (outcome.outcome === 'ok') {
    logTransition(holder.engine, facts, decision);
    return false;
  }
  if (outcome.outcome === 'asked') {
    holder.lease = { ...holder.lease, rotation: outcome.rotation };
    await lookAgain(holder);
    return false;
  }
  await commit(holder, contendedChange(facts, change, outcome), true);
  return true;
}

function contendedChange({ notes, rotation }: Facts, { lockLocations = [] }: Change, outcome: Contended): Change {
  const { reason, message } = contended(outcome);
  const times = notes.waited?.reason === reason ? notes.waited.times + 1 : 1;
  const longestMs = rotation.path === 'emergency' ? FIRST_CONTENDED_MS : LAST_CONTENDED_MS;
  return { reason, message, notes: { ...notes, waited: { reason, times }, waitsFor: lockLocations }, wakeInMs: Math.min(longestMs, FIRST_CONTENDED_MS * 2 ** Math.min(10, times - 1)) };
}

type Contended = Exclude<CommitOutcome, { outcome: 'ok' | 'asked' }>;

function contended(outcome: Contended): { readonly reason: string; readonly message: string } {
  switch (outcome.outcome) {
    case 'locked':
      return { reason: 'location_locked', message: `Rotation ${outcome.holder} comes first at ${outcome.location}; waiting for it.` };
    case 'no-slot':
      return { reason: 'slot_reserved', message: `The last free key slot(s) are reserved by ${outcome.reserved} other rotation(s); waiting.` };
    case 'paced':
      return { reason: 'paced', message: 'Enough rotations of this issuer are under way; waiting for their turn to end.' };
  }
}

/** A write that changes nothing: the ledger's facts as they are now. */
async function lookAgain(holder: Holder): Promise<void> {
  await commit(holder, {});
}

/** The guarded write, which renews the lease too, or gives it back when the rotation rests now. */
async function write(holder: Holder, change: Change, rests: boolean): Promise<CommitOutcome> {
  const { engine, lease } = holder;
  const givesBack = rests && !holder.hazardOpen;
  holder.tells ||= (change.notices ?? []).some((notice) => notice.channels.length > 0);
  const outcome = await engine.ledger.commit(lease, lease.rotation.state, { ...change, leaseMs: givesBack ? null : LEASE_MS });
  if (outcome.outcome === 'ok') Object.assign(holder, { lease: outcome.lease, leftMs: LEASE_MS, givenBack: givesBack });
  return outcome;
}

async function commit(holder: Holder, change: Change, rests = false): Promise<void> {
  const outcome = await write(holder, change, rests);
  if (outcome.outcome !== 'ok') throw new Error(`a write without conditions was answered ${outcome.outcome}`);
}

function merged(notes: Readonly<Record<string, unknown>>, patch: Partial<Notes>): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...notes, ...patch }).filter(([, value]) => value !== undefined));
}

/** Something unforeseen: another worker took over (then nothing is written), or a defect or an outage (then it is tried again). */
async function stumble(holder: Holder, error: unknown): Promise<void> {
  const { engine } = holder;
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
    holder.lease = { ...holder.lease, rotation: current };
    await commit(holder, { reason: 'error', message, notes: { ...current.notes, trouble }, wakeInMs: delay }, true);
  } catch (second) {
    log.warn({ error: describeError(second) }, 'the failure could not be recorded; the sweep finds the rotation again');
  }
}

/** The queue is only asked to wake it on time; the sweep finds it in any case. */
async function wakeLater(engine: Engine, { rotation, situation }: Lease): Promise<void> {
  if (rotation.wakeAt !== null) {
    const delayMs = Math.max(0, rotation.wakeAt.getTime() - situation.now.getTime());
    await engine.queue.wake(advancing(rotation.kind), { rotation: rotation.id }, { delayMs });
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
