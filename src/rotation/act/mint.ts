/** The create: its intent is written before the issuer is called, its value goes straight to the store of record. */
import { isLeaseLost, KeyturnError } from '../../core/errors.ts';
import type { Attempt, Facts } from '../../core/facts.ts';
import type { Secret } from '../../core/secret.ts';
import type { IssuedKey } from '../../ports/issuer.ts';
import type { NewKey } from '../../ports/ledger.ts';
import { bounded, leaseFor, looking, spending, type Turn } from '../engine.ts';
import { placeOfRecord } from '../evidence.ts';
import { failed, succeeded, troubleOf, type Outcome } from './outcome.ts';

const STAGE_TRIES = 3;

export async function mint(turn: Turn, facts: Facts): Promise<Outcome> {
  const attempt = facts.notes.attempt;
  if (attempt === undefined) throw new Error('minting needs an attempt');
  try {
    await clearStale(turn, attempt);
  } catch (error) {
    return failed(facts, error);
  }
  const sent = await writeIntent(turn, facts, attempt);
  let minted: { key: IssuedKey; value: Secret };
  try {
    minted = await create(turn, facts, sent);
  } catch (error) {
    return notMinted(facts, sent, error);
  }
  const newKey = describeKey(turn, facts, minted.key, minted.value);
  const problem = await stageValue(turn, sent, minted.value);
  const outcome: Attempt = { ...sent, outcome: problem === null ? 'minted' : 'unstaged' };
  return problem === null
    ? succeeded({ attempt: outcome }, { newKey })
    : { change: { newKey }, notes: { attempt: outcome, trouble: troubleOf(facts.notes, facts.now, problem) } };
}

/** Removes what an earlier attempt of ours left staged; the location lock keeps others out meanwhile. */
async function clearStale(turn: Turn, attempt: Attempt): Promise<void> {
  const { store } = placeOfRecord(turn.plugins.places);
  const view = await looking(turn, store.callTimeoutMs, (signal) => store.read(signal));
  const stale = view.slots.some((s) => s.role === 'staged' && s.attempt !== null && s.attempt !== attempt.name);
  if (!stale) return;
  await bounded(turn, store.callTimeoutMs, (signal) =>
    store.retire((s) => s.role === 'staged' && s.attempt !== null && s.attempt !== attempt.name, 'rejected', signal),
  );
}

/** Also renews the lease for as long as the create may take: it is sent right after. */
async function writeIntent(turn: Turn, facts: Facts, attempt: Attempt): Promise<Attempt> {
  const { ledger } = turn.engine;
  const leaseMs = leaseFor(turn.plugins.issuer.capabilities.callTimeoutMs);
  const sent: Attempt = { ...attempt, sentAt: (await ledger.now()).toISOString(), outcome: null, refusal: null };
  const written = await ledger.commit(turn.lease, 'creating', { notes: { ...facts.notes, attempt: sent }, leaseMs });
  if (written.outcome !== 'ok') throw new Error('an intent carries nothing that could be refused');
  Object.assign(turn, { lease: written.lease, leftMs: leaseMs });
  await ledger.sync();
  return sent;
}

async function create(turn: Turn, facts: Facts, attempt: Attempt): Promise<{ key: IssuedKey; value: Secret }> {
  const { issuer } = turn.plugins;
  const { scopes, space } = facts.plan;
  return await spending(turn, issuer.capabilities.callTimeoutMs, (signal) => issuer.create({ name: attempt.name, scopes, space }, signal));
}

/** Refused when surely nothing came to exist; otherwise lost, and to be looked for, never sent again blind. */
function notMinted(facts: Facts, attempt: Attempt, error: unknown): Outcome {
  const outcome = failed(facts, error);
  if (!(error instanceof KeyturnError) || error.effect !== 'none') return { ...outcome, notes: { ...outcome.notes, attempt: { ...attempt, outcome: 'lost' } } };
  const refusal = { code: error.code, message: error.sentence, retryAfterMs: error.retryAfterMs ?? null };
  return { ...outcome, notes: { ...outcome.notes, attempt: { ...attempt, outcome: 'refused', refusal } } };
}

function describeKey(turn: Turn, facts: Facts, key: IssuedKey, value: Secret): NewKey {
  return {
    credential: facts.rotation.credential,
    issuer: facts.plan.issuer.name,
    issuerKeyId: key.id,
    name: key.name,
    prefix: key.prefix,
    fingerprint: turn.engine.fingerprint(value),
    scopes: key.scopes,
    state: 'staged',
    proven: true,
    rotationId: facts.rotation.id,
    createdAt: key.createdAt,
  };
}

/** Null when staged. The value exists in memory only, so a few tries are made before it is given up. */
async function stageValue(turn: Turn, attempt: Attempt, value: Secret): Promise<unknown> {
  const { store } = placeOfRecord(turn.plugins.places);
  let problem: unknown = null;
  for (let tries = 0; tries < STAGE_TRIES; tries += 1) {
    try {
      await bounded(turn, store.callTimeoutMs, (signal) => store.stage(attempt.name, value, signal));
      return null;
    } catch (error) {
      if (isLeaseLost(error)) throw error;
      problem = error;
    }
  }
  return problem;
}

/** Removes the attempt's staged value from the store of record. */
export async function discardStaged(turn: Turn, facts: Facts): Promise<Outcome> {
  const { store } = placeOfRecord(turn.plugins.places);
  const name = facts.notes.attempt?.name;
  try {
    await bounded(turn, store.callTimeoutMs, (signal) => store.retire((s) => s.role === 'staged' && s.attempt === name, 'rejected', signal));
    return succeeded();
  } catch (error) {
    return failed(facts, error);
  }
}
