/** Paying revocation debts: look at every store again right before the revoke, and refuse where the key is still served. */
import { debtOverdue } from '../alerts/notices.ts';
import { decideDebt, debtRetryMs, isUnconditional, type DebtFacts, type Exposure } from '../core/debt.ts';
import { seconds } from '../core/duration.ts';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Notes } from '../core/facts.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import type { Change, HeldDebt, Rotation } from '../ports/ledger.ts';
import type { StoreSlot } from '../ports/store.ts';
import { LONGEST_EFFECT_MS, within, type Engine, type Place } from './engine.ts';
import { currentOf, deadPrints, readPlaces, type ReadPlace } from './evidence.ts';

/** A worker that dies holds a debt up for as long: it reads and clears every store, and then revokes. */
const DEBT_LEASE_MS = LONGEST_EFFECT_MS * 3;
/** An emergency's asks no store, and applications fail until it is paid; who revokes a second time is told that the key is gone. */
const URGENT_LEASE_MS = seconds(10);
const ROUNDS = 3;

/** Pays one debt if it is payable and nobody else is at it; `of` is the rotation that made it, where that is at hand. `not-ours` when it is not. */
export async function payDebt(engine: Engine, { id, cause }: Pick<RevocationDebt, 'id' | 'cause'>, signal: AbortSignal, of: Rotation | null = null): Promise<'paid' | 'postponed' | 'not-ours'> {
  const debt = await engine.ledger.leaseDebt(id, engine.worker, isUnconditional(cause) ? URGENT_LEASE_MS : DEBT_LEASE_MS);
  if (debt === null) return 'not-ours';
  const log = engine.log.child({ credential: debt.credential, rotation: debt.rotationId, key: debt.issuerKeyId, debt: debt.id });
  try {
    const rotation = of?.id === debt.rotationId ? of : debt.rotationId === null ? null : await engine.ledger.rotation(debt.rotationId);
    const plans = plansOf(debt, rotation);
    await clearAndCheck(engine, { debt, rotation, plans }, signal);
    const outcome = await revokeAt(engine, debt, plans, signal);
    await engine.ledger.settleDebt(debt, engine.worker, outcome, []);
    log.info({ outcome, cause: debt.cause }, 'key revoked');
    return 'paid';
  } catch (error) {
    const asked = error instanceof KeyturnError ? (error.retryAfterMs ?? 0) : 0;
    const delay = debtRetryMs(debt.cause, debt.attempts, asked);
    await engine.ledger.postponeDebt(debt, engine.worker, describeError(error), delay, await overdueNotice(engine, debt, error));
    log.warn({ error: describeError(error), retryInMs: delay }, 'key not revoked yet');
    return 'postponed';
  }
}

/** The plan of the rotation that made the debt and the credential's plan of today: a store of either may serve the key. */
function plansOf(debt: HeldDebt, rotation: Rotation | null): readonly CredentialPlan[] {
  return [rotation?.plan, debt.plan].filter((plan) => plan != null);
}

async function placesOf(engine: Engine, plans: readonly CredentialPlan[]): Promise<readonly Place[]> {
  const all = (await Promise.all(plans.map(async (plan) => (await engine.plugins(plan)).places))).flat();
  return [...new Map(all.map((place) => [place.store.describe, place])).values()];
}

interface Owed {
  readonly debt: HeldDebt;
  readonly rotation: Rotation | null;
  readonly plans: readonly CredentialPlan[];
}

async function clearAndCheck(engine: Engine, { debt, rotation, plans }: Owed, signal: AbortSignal): Promise<void> {
  if (isUnconditional(debt.cause)) return;
  const places = await placesOf(engine, plans);
  const emptyBefore = placesEmptyBefore(debt, rotation);
  for (let round = 0; round < ROUNDS; round += 1) {
    // Clearing the stores took its time: the ledger is asked again.
    const key = round === 0 ? debt.key : await keyNow(engine, debt);
    const reads = await readPlaces(engine, places, signal);
    const decision = decideDebt(await factsOf(engine, { debt: { ...debt, key }, rotation, plans }, emptyBefore, reads));
    if (decision.do === 'refuse') throw new KeyturnError('STORE_CONFLICT', `Key ${debt.issuerKeyId} is not revoked: ${decision.why}.`);
    if (decision.do === 'revoke' && round > 0) return;
    // The first time also where nothing shows: a worker that died right after a promotion may have left labels that only `retire` sees.
    await retire(engine, debt, places, await deadStrays(engine, debt, reads), signal);
  }
  throw new KeyturnError('STORE_CONFLICT', `Key ${debt.issuerKeyId} is not revoked: copies of it keep coming back in a store.`);
}

async function keyNow({ ledger }: Engine, { credential, issuer, issuerKeyId }: RevocationDebt): Promise<KeyRecord | null> {
  return (await ledger.keysOf(credential)).find((key) => key.issuer === issuer && key.issuerKeyId === issuerKeyId) ?? null;
}

async function factsOf(engine: Engine, { debt, rotation }: Owed, emptyBefore: ReadonlySet<string> | null, reads: readonly ReadPlace[]): Promise<DebtFacts> {
  const known = debt.fingerprint === null ? new Set((await engine.ledger.keysOf(debt.credential)).map((key) => key.fingerprint)) : NOBODY_ASKS;
  return {
    cause: debt.cause,
    proven: debt.key?.proven ?? true,
    currentInLedger: debt.key?.state === 'current',
    overlapLeftMs: debt.cause === 'rolled_back' && rotation !== null ? overlapLeft(rotation, await engine.ledger.now()) : 0,
    places: reads.map((read) => ({ describe: read.place.store.describe, exposure: isMissing(read, debt, emptyBefore) ? 'missing' : isUnknown(engine, debt, read, known) ? 'unknown' : exposure(engine, debt, read), detail: read.error })),
  };
}

/** A key whose value is known is told apart from what a place serves without any other. */
const NOBODY_ASKS: ReadonlySet<string | null> = new Set();

function overlapLeft({ notes, plan }: Rotation, now: Date): number {
  const { drifted, restoredAt } = notes as Notes;
  if (drifted === true) return Number.POSITIVE_INFINITY;
  return restoredAt === undefined ? 0 : Date.parse(restoredAt) + plan.policy.overlapMs - now.getTime();
}

/** Null where emptiness says nothing: the key was never promoted, or no rotation remembers. */
function placesEmptyBefore(debt: RevocationDebt, rotation: Rotation | null): ReadonlySet<string> | null {
  if (debt.rotationId === null || !['superseded', 'rolled_back'].includes(debt.cause)) return null;
  const { emptyBefore } = (rotation?.notes ?? {}) as Notes;
  const others = rotation?.plan.places.every((place) => emptyBefore?.includes(place.id)) === true;
  return emptyBefore === undefined || others ? null : new Set(emptyBefore);
}

function isMissing({ place, view }: ReadPlace, debt: RevocationDebt, emptyBefore: ReadonlySet<string> | null): boolean {
  if (view === null || emptyBefore === null || currentOf(view) !== undefined) return false;
  return debt.cause === 'superseded' || !emptyBefore.has(place.id);
}

/** Nobody knows the value of an orphan: it is told apart from what a place serves only where the ledger knows that. */
function isUnknown(engine: Engine, debt: RevocationDebt, { view }: ReadPlace, known: ReadonlySet<string | null>): boolean {
  const current = view === null ? undefined : currentOf(view);
  return debt.fingerprint === null && current !== undefined && !known.has(engine.fingerprint(current.value));
}

/** `history` counts only for a key that was never good: applications were never meant to find it anywhere. */
function exposure(engine: Engine, debt: RevocationDebt, read: ReadPlace): Exposure {
  if (read.view === null) return 'unreadable';
  const roles = new Set(read.view.slots.filter(holds(engine, debt)).map((slot) => slot.role));
  if (roles.has('current')) return 'current';
  if (roles.has('backup')) return 'backup';
  if (roles.has('history') && debt.cause !== 'superseded') return 'leftover';
  return roles.has('staged') || roles.has('displaced') ? 'leftover' : 'clear';
}

function holds(engine: Engine, debt: RevocationDebt): (slot: StoreSlot) => boolean {
  return (slot) => debt.fingerprint !== null && engine.fingerprint(slot.value) === debt.fingerprint;
}

/** Fingerprints of dead keys, where a store keeps something besides the current value and the key that is to die: what a worker that died left behind. */
async function deadStrays(engine: Engine, debt: RevocationDebt, reads: readonly ReadPlace[]): Promise<ReadonlySet<string | null>> {
  const strays = reads.some(({ view }) => view?.slots.some((slot) => STRAY_ROLES.has(slot.role) && !holds(engine, debt)(slot)));
  return strays ? deadPrints(await engine.ledger.keysOf(debt.credential)) : NOBODY_ASKS;
}

const STRAY_ROLES: ReadonlySet<StoreSlot['role']> = new Set(['staged', 'displaced', 'backup']);

/** Removes every copy that is not current, and those of keys that are dead. Stores leave everything else as it is. */
async function retire(engine: Engine, debt: RevocationDebt, places: readonly Place[], dead: ReadonlySet<string | null>, signal: AbortSignal): Promise<void> {
  const why = debt.cause === 'superseded' ? 'superseded' : 'rejected';
  const dies = (slot: StoreSlot): boolean => holds(engine, debt)(slot) || (STRAY_ROLES.has(slot.role) && dead.has(engine.fingerprint(slot.value)));
  for (const { store } of places) await store.retire((slot) => slot.role !== 'current' && dies(slot), why, within(engine, store.callTimeoutMs, signal));
}

async function revokeAt(engine: Engine, debt: RevocationDebt, plans: readonly CredentialPlan[], signal: AbortSignal): Promise<'revoked' | 'gone'> {
  const plan = plans.find((p) => p.issuer.name === debt.issuer);
  if (plan === undefined) throw new KeyturnError('UNKNOWN_NAME', `Issuer ${debt.issuer} is no longer configured.`, { todo: 'Revoke the key there by hand, or put the issuer back.' });
  const { issuer } = await engine.plugins(plan);
  await engine.ledger.sync();
  return await issuer.revoke(debt.issuerKeyId, within(engine, issuer.capabilities.callTimeoutMs, signal));
}

/** People hear of a debt once it is older than the policy tolerates; of an emergency's at the first failure. */
async function overdueNotice(engine: Engine, debt: HeldDebt, error: unknown): Promise<NonNullable<Change['notices']>> {
  const { plan, key } = debt;
  if (plan === null || debt.alertedAt !== null) return [];
  const ageMs = (await engine.ledger.now()).getTime() - debt.createdAt.getTime();
  if (debt.cause !== 'emergency' && ageMs < plan.policy.deadlines.stuckMs) return [];
  const notice = debtOverdue({
    credential: debt.credential,
    issuer: debt.issuer,
    owner: plan.owner,
    rotationId: debt.rotationId,
    key: { issuerKeyId: debt.issuerKeyId, prefix: key?.prefix ?? '' },
    cause: debt.cause,
    debtId: debt.id,
    ageMs,
    attempts: debt.attempts,
    lastError: describeError(error),
  });
  return [{ notice, channels: plan.channels[notice.severity] }];
}
