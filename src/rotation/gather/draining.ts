import { describeError } from '../../core/errors.ts';
import type { Facts, Notes } from '../../core/facts.ts';
import type { Secret } from '../../core/secret.ts';
import type { IssuedKey } from '../../ports/issuer.ts';
import { looking, type Turn } from '../engine.ts';
import { findValue } from '../evidence.ts';
import type { Gatherer } from './gatherer.ts';
import { gatherPlaces, wayBack } from './serving.ts';

type Drain = NonNullable<Facts['drain']>;

/**
 * Overlap and quiet. Quiet counts only up to what the usage source has proved to have seen: its watermark is the last
 * use it shows of the new key, after a call of our own with it. All in the issuer's time, so that clocks need not agree.
 * The old key is never used here.
 */
export const gatherDraining: Gatherer = async (turn, base) => {
  if (base.rotation.abortAsked !== null) {
    const { reads, places } = await gatherPlaces(turn, base);
    return { places, ...(await wayBack(turn, base, reads)) };
  }
  const { policy } = base.plan;
  const overlapLeftMs = Math.max(0, policy.overlapMs - sinceAllServed(base));
  const asksQuiet = policy.quietMs > 0 && turn.plugins.issuer.capabilities.lastUse;
  const first = asksQuiet && base.notes.quiet === undefined;
  if (overlapLeftMs > 0 && !first) return { drain: overlapping(overlapLeftMs, null) };
  const { reads, places } = await gatherPlaces(turn, base);
  const value = findValue(reads, base.newKey?.fingerprint ?? null, turn.engine.fingerprint);
  const seen = asksQuiet ? await observe(turn, base, value) : null;
  if (overlapLeftMs > 0) return { drain: overlapping(overlapLeftMs, seen?.observed ?? null) };
  const pastMaxAge = policy.maxAgeMs !== null && base.inStateMs >= policy.maxAgeMs;
  return { places, drain: { ...judge(base, seen), overlapLeftMs: 0, pastMaxAge } };
};

/** Milliseconds since every place was last known to serve the new key. */
function sinceAllServed({ inStateMs, notes, now }: Facts): number {
  return notes.repairedAt === undefined ? inStateMs : Math.min(inStateMs, now.getTime() - Date.parse(notes.repairedAt));
}

interface Observation {
  readonly observed: Notes['quiet'] | null;
  readonly oldLastUsed: Date | null;
  readonly error: string;
}

function overlapping(overlapLeftMs: number, observed: Drain['observed']): Drain {
  return { overlapLeftMs, quiet: 'busy', quietLeftMs: overlapLeftMs, pastMaxAge: false, observed, detail: 'the overlap is not over' };
}

async function observe(turn: Turn, base: Facts, value: Secret | null): Promise<Observation> {
  const { issuer } = turn.plugins;
  const { callTimeoutMs } = issuer.capabilities;
  try {
    if (value !== null) await looking(turn, callTimeoutMs, (signal) => issuer.probe(value, signal));
    const keys = await looking(turn, callTimeoutMs * 3, (signal) => issuer.list(signal));
    const find = (id: string | undefined): IssuedKey | undefined => keys.find((key) => key.id === id);
    const watermark = find(base.newKey?.issuerKeyId)?.lastUsedAt ?? null;
    const oldLastUsed = find(base.oldKey?.issuerKeyId)?.lastUsedAt ?? null;
    const observed = watermark === null ? null : { base: base.notes.quiet?.base ?? watermark.toISOString(), watermark: watermark.toISOString() };
    return { observed, oldLastUsed, error: '' };
  } catch (error) {
    return { observed: null, oldLastUsed: null, error: describeError(error) };
  }
}

function judge(base: Facts, seen: Observation | null): Pick<Drain, 'quiet' | 'quietLeftMs' | 'observed' | 'detail'> {
  const { quietMs } = base.plan.policy;
  if (seen === null) return { quiet: 'not-asked', quietLeftMs: 0, observed: null, detail: 'the overlap is over and every store serves the new key.' };
  if (seen.observed == null) {
    return { quiet: 'unproved', quietLeftMs: quietMs, observed: null, detail: `the issuer's usage does not show our own call with the new key yet. ${seen.error}` };
  }
  const { base: from, watermark } = seen.observed;
  const since = Math.max(Date.parse(from), seen.oldLastUsed?.getTime() ?? 0);
  const quietLeftMs = Math.max(0, quietMs - (Date.parse(watermark) - since));
  const lastUse = seen.oldLastUsed === null ? 'never used' : `last used ${seen.oldLastUsed.toISOString()}`;
  const detail = `the old key was ${lastUse}, usage is seen up to ${watermark}, quiet wanted is ${Math.round(quietMs / 1000)} s.`;
  return { quiet: quietLeftMs === 0 ? 'quiet' : 'busy', quietLeftMs, observed: seen.observed, detail };
}
