import { describeError } from '../../core/errors.ts';
import type { Attempt, Facts, NamedResult } from '../../core/facts.ts';
import type { Secret } from '../../core/secret.ts';
import type { IssuedKey } from '../../ports/issuer.ts';
import { looking, type Turn } from '../engine.ts';
import { placeOfRecord } from '../evidence.ts';
import type { Gatherer } from './gatherer.ts';

type Minted = NonNullable<Facts['minted']>;

/** How long after the longest call a lost create may still land or become visible. */
function lookUntil(turn: Turn, attempt: Attempt): Date {
  const { callTimeoutMs, listLagMs } = turn.plugins.issuer.capabilities;
  return new Date(Date.parse(attempt.sentAt ?? '') + callTimeoutMs + listLagMs);
}

async function stagedValue(turn: Turn, attempt: string): Promise<{ value: Secret | null; error: string | null }> {
  const { store } = placeOfRecord(turn.plugins.places);
  try {
    const view = await looking(turn, store.callTimeoutMs, (signal) => store.read(signal));
    return { value: view.slots.find((s) => s.role === 'staged' && s.attempt === attempt)?.value ?? null, error: null };
  } catch (error) {
    return { value: null, error: describeError(error) };
  }
}

async function listNow(turn: Turn): Promise<{ keys: readonly IssuedKey[] | null; error: string }> {
  const { issuer } = turn.plugins;
  try {
    return { keys: await looking(turn, issuer.capabilities.callTimeoutMs * 3, (signal) => issuer.list(signal)), error: '' };
  } catch (error) {
    return { keys: null, error: describeError(error) };
  }
}

function mintedFacts(listed: Minted['listed'], staged: { value: Secret | null; error: string | null }, turn: Turn, attempt: Attempt, error: string): Minted {
  return {
    listed,
    staged: staged.error !== null ? 'unreadable' : staged.value === null ? 'absent' : 'present',
    fingerprint: staged.value === null ? null : turn.engine.fingerprint(staged.value),
    lookUntil: lookUntil(turn, attempt),
    detail: [error, staged.error].filter((text) => text !== null && text !== '').join(' '),
  };
}

/** Looks for a key of a create whose answer was lost; keys that the ledger knows already are not it. */
export const gatherCreating: Gatherer = async (turn, base) => {
  const { attempt } = base.notes;
  if (attempt?.sentAt == null || (attempt.outcome !== null && attempt.outcome !== 'lost')) return {};
  const [{ keys, error }, staged] = [await listNow(turn), await stagedValue(turn, attempt.name)];
  const listed = keys?.filter((key) => key.name === attempt.name && key.live) ?? null;
  return { minted: mintedFacts(listed, staged, turn, attempt, error) };
};

/** Is anything of the attempt still staged? */
export const gatherAborting: Gatherer = async (turn, base) => {
  const { attempt } = base.notes;
  if (attempt?.sentAt == null) return {};
  return { minted: mintedFacts(null, await stagedValue(turn, attempt.name), turn, attempt, '') };
};

/** Reads the pending value back, compares the key with what was declared, and runs the key checks with it. */
export const gatherStaged: Gatherer = async (turn, base) => {
  const staged = await stagedValue(turn, base.notes.attempt?.name ?? '');
  if (staged.error !== null) return { staged: unproved('unreadable', staged.error) };
  if (staged.value === null) return { staged: unproved('absent', 'nothing is staged') };
  if (turn.engine.fingerprint(staged.value) !== base.newKey?.fingerprint) return { staged: unproved('mismatch', 'another value is staged') };
  const { keys, error } = await listNow(turn);
  const listed = keys?.find((key) => key.id === base.newKey?.issuerKeyId);
  if (listed === undefined) return { staged: { ...unproved('match', error || 'the issuer does not list the new key yet'), unlisted: true } };
  const mismatch = differenceFrom(listed, base);
  const checks = mismatch === null ? await runKeyChecks(turn, base, staged.value) : [];
  const detail = checks.filter((c) => !c.ok).map((c) => `${c.name}: ${c.detail}`).join('; ');
  return { staged: { slot: 'match', unlisted: false, mismatch, checks, detail } };
};

function unproved(slot: NonNullable<Facts['staged']>['slot'], detail: string): NonNullable<Facts['staged']> {
  return { slot, unlisted: false, mismatch: null, checks: [], detail };
}

/** Promise 9: scopes, space and environment equal the declared ones. Null when they do. */
export function differenceFrom(listed: IssuedKey, base: Pick<Facts, 'plan'>): string | null {
  const { plan } = base;
  const declared = [...plan.scopes].sort().join(', ');
  const actual = [...listed.scopes].sort().join(', ');
  if (declared !== actual) return `scopes are [${actual}], declared are [${declared}].`;
  if (plan.space !== null && listed.space !== plan.space) return `it is bound to ${listed.space ?? 'no graph'}, declared is ${plan.space}.`;
  if (plan.environment !== null && listed.environment !== null && listed.environment !== plan.environment) {
    return `its environment is ${listed.environment}, declared is ${plan.environment}.`;
  }
  return null;
}

async function runKeyChecks(turn: Turn, base: Facts, value: Secret): Promise<readonly NamedResult[]> {
  const subject = { credential: base.rotation.credential, rotationId: base.rotation.id };
  const results: NamedResult[] = [];
  for (const check of turn.plugins.keyChecks) {
    const bound = turn.plugins.issuer.capabilities.callTimeoutMs * 4;
    const { ok, detail } = await looking(turn, bound, (signal) => check.run(subject, value, signal));
    results.push({ name: check.name, ok, detail });
  }
  return results;
}
