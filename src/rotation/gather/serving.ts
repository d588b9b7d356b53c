import { describeError, isLeaseLost } from '../../core/errors.ts';
import type { Facts, NamedResult, PlaceFact } from '../../core/facts.ts';
import { looking, type Turn } from '../engine.ts';
import { findValue, placeFacts, printsFor, readPlaces, type ReadPlace } from '../evidence.ts';
import type { Gatherer } from './gatherer.ts';

/** What every place of the rotation holds and serves right now. */
export async function gatherPlaces(turn: Turn, base: Pick<Facts, 'rotation' | 'newKey' | 'oldKey' | 'notes'>): Promise<{ reads: readonly ReadPlace[]; places: readonly PlaceFact[] }> {
  const { engine, plugins } = turn;
  const longest = Math.max(...plugins.places.map((p) => p.store.callTimeoutMs));
  const reads = await looking(turn, longest, (signal) => readPlaces(engine, plugins.places, signal));
  const facts = placeFacts(reads, await printsFor(engine, base.rotation.credential, reads, base.newKey, base.oldKey), engine.fingerprint);
  return { reads, places: facts.map((fact) => orMissing(fact, base)) };
}

/** A place that held something and is empty now (a volume that is not mounted) proves nothing about what applications read. */
function orMissing(fact: PlaceFact, { notes, oldKey }: Pick<Facts, 'notes' | 'oldKey'>): PlaceFact {
  if (fact.serving !== 'empty' || oldKey === null || notes.emptyBefore === undefined || notes.emptyBefore.includes(fact.id)) return fact;
  return { ...fact, serving: 'unreadable', detail: 'it held a value before and is gone or empty now' };
}

/** Whether the issuer still lists the old key as live; null when it does not answer. Asked by list, never by using the key. */
export async function oldKeyAlive(turn: Turn, base: Pick<Facts, 'oldKey'>): Promise<boolean | null> {
  const { issuer } = turn.plugins;
  const { oldKey } = base;
  if (oldKey === null) return false;
  if (oldKey.state === 'revoked' || oldKey.state === 'lost') return false;
  try {
    const keys = await looking(turn, issuer.capabilities.callTimeoutMs * 3, (signal) => issuer.list(signal));
    return keys.some((key) => key.id === oldKey.issuerKeyId && key.live);
  } catch {
    return null;
  }
}

/** Of the way back that a person asks for: is the old key alive, and is its value still at hand? */
export async function wayBack(turn: Turn, base: Pick<Facts, 'rotation' | 'oldKey'>, reads: readonly ReadPlace[]): Promise<Pick<Facts, 'oldKeyAlive' | 'oldValue'>> {
  if (base.rotation.abortAsked === null) return {};
  return { oldKeyAlive: await oldKeyAlive(turn, base), oldValue: valueOf(turn, reads, base.oldKey) };
}

function valueOf({ engine }: Turn, reads: readonly ReadPlace[], key: Facts['oldKey']): NonNullable<Facts['oldValue']> {
  if (findValue(reads, key?.fingerprint ?? null, engine.fingerprint) !== null) return 'held';
  return reads.some((read) => read.view === null) ? 'unknown' : 'gone';
}

export const gatherPromoting: Gatherer = async (turn, base) => {
  const { reads, places } = await gatherPlaces(turn, base);
  if (base.rotation.abortAsked !== null) return { places, ...(await wayBack(turn, base, reads)) };
  if (base.rotation.path === 'emergency') return { places, newValue: valueOf(turn, reads, base.newKey) };
  const turningBack = places.some((p) => p.serving === 'foreign') || base.inStateMs >= base.plan.policy.deadlines.promoteMs;
  return turningBack ? { places, oldKeyAlive: await oldKeyAlive(turn, base) } : { places };
};

export const gatherConfirmed: Gatherer = async (turn, base) => {
  const { reads, places } = await gatherPlaces(turn, base);
  if (base.rotation.abortAsked !== null) return { places, ...(await wayBack(turn, base, reads)) };
  const served = places.every((p) => p.serving === 'new');
  const reloaded = base.plan.hooks.length === 0 || (base.notes.hooksRun ?? []).includes('promoted');
  const application = served && reloaded ? await checkApplications(turn, base) : [];
  const turningBack = application.some((c) => !c.ok) || places.some((p) => p.serving === 'foreign') || base.inStateMs >= base.plan.policy.deadlines.confirmMs;
  return { places, application, ...(turningBack ? { oldKeyAlive: await oldKeyAlive(turn, base) } : {}) };
};

export const gatherRollingBack: Gatherer = async (turn, base) => ({
  places: (await gatherPlaces(turn, base)).places,
  oldKeyAlive: await oldKeyAlive(turn, base),
});

async function checkApplications(turn: Turn, base: Facts): Promise<readonly NamedResult[]> {
  const subject = { credential: base.rotation.credential, rotationId: base.rotation.id };
  const results: NamedResult[] = [];
  for (const check of turn.plugins.applicationChecks) {
    try {
      const { ok, detail } = await looking(turn, base.plan.policy.deadlines.confirmMs, (signal) => check.run(subject, signal));
      results.push({ name: check.name, ok, detail });
    } catch (error) {
      // Stopped, or no longer ours: that says nothing of the application.
      if (turn.signal.aborted || isLeaseLost(error)) throw error;
      results.push({ name: check.name, ok: false, detail: describeError(error) });
    }
  }
  return results;
}
