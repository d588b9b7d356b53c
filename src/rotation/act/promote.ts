/** Changing what applications read: one place a step, by compare and set. */
import { isLeaseLost, KeyturnError } from '../../core/errors.ts';
import type { Facts, PlaceFact } from '../../core/facts.ts';
import type { Secret } from '../../core/secret.ts';
import type { PromoteRequest } from '../../ports/store.ts';
import { bounded, type Turn } from '../engine.ts';
import { findValue, readPlaces, type ReadPlace } from '../evidence.ts';
import { readyPlaces } from '../../core/transitions/row.ts';
import { failed, succeeded, troubleOf, type Outcome } from './outcome.ts';

/** Promotes the next place that is behind: the store of record first, then in the order of the configuration. */
export async function promote(turn: Turn, facts: Facts): Promise<Outcome> {
  const target = next(facts.rotation.path === 'emergency' ? readyPlaces(facts) : (facts.places ?? []).filter((place) => ['old', 'ours', 'empty'].includes(place.serving)));
  const displaced = target.serving === 'old' && facts.rotation.path === 'displace' ? 'keep' : 'drop';
  return await write(turn, facts, target, facts.newKey?.fingerprint ?? null, { attempt: attemptName(facts), displaced });
}

const wroteOf = (attempt: string, { id }: PlaceFact): string => `${attempt} ${id}`;

/** Puts the old key back in the next place that serves the new one. */
export async function restore(turn: Turn, facts: Facts): Promise<Outcome> {
  const target = next((facts.places ?? []).filter((place) => place.serving === 'new'));
  const outcome = await write(turn, facts, target, facts.oldKey?.fingerprint ?? null, { attempt: `${attemptName(facts)}:rollback`, displaced: 'drop' });
  // What applications were told before does not hold for this place.
  return { ...outcome, notes: { ...outcome.notes, hooksRun: (facts.notes.hooksRun ?? []).filter((hook) => hook !== 'rolled_back') } };
}

function attemptName(facts: Facts): string {
  return facts.notes.attempt?.name ?? facts.rotation.id;
}

function next(waiting: readonly PlaceFact[]): PlaceFact {
  const first = waiting.find((place) => place.ofRecord) ?? waiting[0];
  if (first === undefined) throw new Error('no place left to write');
  return first;
}

/** In an emergency each place waits by itself: applications have no key, and those that read another place can have one. */
function failedAt(facts: Facts, { id }: PlaceFact, error: unknown, accepted = false): Outcome {
  if (facts.rotation.path !== 'emergency' || isLeaseLost(error)) return failed(facts, error);
  const before = facts.notes.failing?.[id];
  const trouble = { ...troubleOf(before === undefined ? {} : { trouble: before }, facts.now, error), accepted };
  return { change: {}, notes: { failing: { ...facts.notes.failing, [id]: trouble } } };
}

async function write(turn: Turn, facts: Facts, target: PlaceFact, print: string | null, request: Pick<PromoteRequest, 'attempt' | 'displaced'>): Promise<Outcome> {
  try {
    const reads = await readPlaces(turn.engine, turn.plugins.places, turn.signal);
    const { place, view } = readOf(reads, target);
    const value = valueFor(reads, print, turn);
    if (view === null) return failedAt(facts, target, new KeyturnError('STORE_UNAVAILABLE', `${target.describe} cannot be read.`));
    await turn.engine.ledger.sync();
    await bounded(turn, place.store.callTimeoutMs, (signal) => place.store.promote({ ...request, value, expect: view.version }, signal));
    return accepted(facts, target, wroteOf(request.attempt, target));
  } catch (error) {
    return failedAt(facts, target, error);
  }
}

/** A store may accept a write and go on showing what it held: written once more without a change, it is given time. */
function accepted(facts: Facts, target: PlaceFact, wrote: string): Outcome {
  if (facts.notes.wrote !== wrote) return succeeded({ wrote });
  return failedAt(facts, target, new KeyturnError('STORE_UNAVAILABLE', `${target.describe} accepted the key and does not serve it yet.`), true);
}

function readOf(reads: readonly ReadPlace[], target: PlaceFact): ReadPlace {
  const read = reads.find((r) => r.place.id === target.id);
  if (read === undefined) throw new Error(`place ${target.id} is not part of the plan`);
  return read;
}

function valueFor(reads: readonly ReadPlace[], print: string | null, turn: Turn): Secret {
  const value = findValue(reads, print, turn.engine.fingerprint);
  if (value === null) {
    throw new KeyturnError('STORE_MISSING', 'No store holds the value any more.', { todo: 'Restore a store from its history, or revoke the credential so that it gets a new key.' });
  }
  return value;
}
