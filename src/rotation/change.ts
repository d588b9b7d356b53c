/** From a decision to the guarded write that records it. Pure but for the notice's wording. */
import { hours } from '../core/duration.ts';
import type { Decision } from '../core/decide.ts';
import type { Attempt, Facts, Notes, PastAttempt } from '../core/facts.ts';
import { hazardLeftMs } from '../core/hazard.ts';
import { attemptName } from '../core/naming.ts';
import { nextDue } from '../core/policy.ts';
import { fatesOf, revocationOf } from '../core/revocation.ts';
import type { LedgerWrite } from '../core/transitions/index.ts';
import type { DebtCause, KeyRecord, KeyState, RotationState } from '../core/vocabulary.ts';
import { isTerminal } from '../core/vocabulary.ts';
import type { Change, NewDebt, NewWatch } from '../ports/ledger.ts';
import { LONGEST_EFFECT_MS, type Turn } from './engine.ts';
import { noticeOf } from './notice.ts';
import { evidenceOf, problemsOf } from './recorded.ts';

const WATCH_MS = hours(24);

/** Everything that goes with entering `to`: locks, slots, key states, the next attempt. */
export async function goChange(turn: Turn, facts: Facts, decision: Decision & { kind: 'go' }): Promise<Change> {
  const { to } = decision;
  const own = condemned(facts, decision);
  const notes: Notes = { ...settled(facts.notes), ...(await notesFor(turn, facts, to, decision)), ...(own.survivor === null ? {} : afterOther(facts)) };
  const renewed = facts.rotation.path !== 'emergency' || facts.newKey?.rotationId === facts.rotation.id;
  return {
    ...said(turn, facts, decision, notes),
    to,
    ...admission(turn, facts, to),
    ...(facts.rotation.abortAsked !== null && TURNS_BACK.includes(to) ? { abortAnswered: true } : {}),
    ...(leavesStores(to) ? { unlockLocations: true, releaseSlot: true } : {}),
    keyStates: [...promotedKeys(facts, to), ...returnedKeys(facts, to), ...own.keyStates],
    debts: own.debts,
    watches: to === 'aborting' ? watchAttempt(facts) : [],
    ...nextKeys(facts, to),
    ...(own.survivor === null ? {} : { newKeyId: own.survivor.id }),
    // A key may have been adopted while the rotation waited without one, or whoever asked for it did not know of the last rotation.
    ...(to === 'preflight' && facts.currentKeyId != null && facts.currentKeyId !== facts.oldKey?.id ? { oldKeyId: facts.currentKeyId } : {}),
    wakeInMs: isTerminal(to) ? null : 0,
    ...(to !== 'done' ? {} : renewed ? { nextDueAt: dueAfter(facts) } : { keepsAge: true }),
  };
}

/** Which keys it has from there on. */
function nextKeys({ rotation: { state }, newKey }: Facts, to: RotationState): Pick<Change, 'newKeyId' | 'oldKeyId'> {
  // The key that was to be published is alive still, and its value is nowhere: it makes way like an old one.
  if (state === 'promoting' && to === 'creating') return { newKeyId: null, oldKeyId: newKey?.id ?? null };
  return to === 'creating' || (state === 'revoking' && to === 'reporting') ? { newKeyId: null } : {};
}

/** When the credential is due next, now that its key is new. */
function dueAfter({ plan, now }: Facts): Date | null {
  return nextDue(plan.policy, { credential: plan.credential, lastRotatedAt: now, createdAt: now, after: now });
}

/** Where a person's abort is carried out by going there. */
const TURNS_BACK: readonly RotationState[] = ['aborting', 'aborted', 'rolling_back'];

/** Locks and room are taken on the way to `creating`, and locks again to go back from draining; a rotation's pace is counted when it is admitted. */
function admission(turn: Turn, facts: Facts, to: RotationState): Change {
  if (to === 'preflight' && facts.rotation.state === 'requested') return { pace: facts.plan.pacing };
  const locks = (): Change => ({ lockLocations: turn.plugins.places.map((place) => place.store.location) });
  if (to === 'rolling_back' && facts.rotation.state === 'draining') return locks();
  if (to === 'promoting' && facts.rotation.state === 'revoking') return locks();
  if (to !== 'creating') return {};
  const slots = facts.preflight?.slots ?? null;
  return {
    ...locks(),
    ...(slots === null ? {} : { reserveSlot: { issuer: facts.plan.issuer.name, ...slots } }),
  };
}

function leavesStores(to: RotationState): boolean {
  return to === 'blocked' || to === 'draining' || to === 'reporting' || isTerminal(to);
}

async function notesFor(turn: Turn, facts: Facts, to: RotationState, decision: Decision): Promise<Partial<Notes>> {
  if (to === 'creating') {
    const emptyBefore = facts.preflight === undefined ? {} : { emptyBefore: facts.preflight.empty };
    return { ...emptyBefore, ...(await nextAttempt(turn, facts, facts.rotation.state === 'staged')) };
  }
  const turnsBack = TURNS_BACK.includes(to) && facts.rotation.state !== 'aborting';
  if (turnsBack) return { failure: { reason: decision.reason, message: decision.message, ...askedBy(facts) }, ...stillLanding(facts) };
  // Whoever was told to read the old key again must now be told of the new one.
  if (to === 'promoting' && ['rolling_back', 'confirmed'].includes(facts.rotation.state)) return { hooksRun: [], forwardAgain: (facts.notes.forwardAgain ?? 0) + 1 };
  return {};
}

/** What stores serve already is not written again, so what the rotation before had sent would not be refused there. */
function afterOther({ notes: { mayWrite }, now }: Facts): Pick<Notes, 'hazardUntil'> {
  return mayWrite === true ? { hazardUntil: new Date(now.getTime() + LONGEST_EFFECT_MS).toISOString() } : {};
}

/** A promotion that was accepted or given up on, whether its record was lost or not, may show only later. */
function stillLanding({ rotation: { state }, notes: { drifted }, now }: Facts): Pick<Notes, 'hazardUntil'> {
  const sent = state === 'promoting' || (state === 'draining' && drifted === true);
  return sent ? { hazardUntil: new Date(now.getTime() + LONGEST_EFFECT_MS).toISOString() } : {};
}

function askedBy({ rotation: { abortAsked } }: Facts): { askedBy?: string } {
  return abortAsked === null ? {} : { askedBy: abortAsked.who };
}

const KEPT_ATTEMPTS = 20;

async function nextAttempt(turn: Turn, facts: Facts, lost: boolean): Promise<Pick<Notes, 'attempt' | 'lostAttempts' | 'pastAttempts'>> {
  const n = (facts.notes.attempt?.n ?? 0) + 1;
  const name = attemptName(facts.plan.keyName, await turn.engine.ledger.installation(), facts.rotation.id, n);
  const attempt: Attempt = { n, name, sentAt: null, outcome: null, refusal: null };
  return { attempt, lostAttempts: (facts.notes.lostAttempts ?? 0) + (lost ? 1 : 0), pastAttempts: givenUp(facts) };
}

function givenUp({ notes }: Facts): readonly PastAttempt[] {
  const { attempt, pastAttempts = [] } = notes;
  if (attempt === undefined) return pastAttempts;
  const { n, name, sentAt } = attempt;
  const outcome: PastAttempt['outcome'] = attempt.outcome === 'minted' ? 'useless' : (attempt.outcome ?? 'lost');
  return [...pastAttempts, { n, name, sentAt, outcome }].slice(-KEPT_ATTEMPTS);
}

/** New key current and old key draining, once stores and applications are healthy. */
function promotedKeys(facts: Facts, to: RotationState): NonNullable<Change['keyStates']> {
  if (facts.rotation.state !== 'confirmed' || !['draining', 'done', 'reporting'].includes(to)) return [];
  const states: { keyId: string; state: KeyState }[] = [];
  if (to === 'draining' && facts.oldKey !== null) states.push({ keyId: facts.oldKey.id, state: 'draining' });
  if (facts.newKey !== null) states.push({ keyId: facts.newKey.id, state: 'current' });
  return states;
}

/** Turning back after the keys had changed places: the ledger names the old one again before any store is written. */
function returnedKeys(facts: Facts, to: RotationState): NonNullable<Change['keyStates']> {
  if (facts.rotation.state !== 'draining' || to !== 'rolling_back') return [];
  const states: { keyId: string; state: KeyState }[] = [];
  if (facts.newKey !== null) states.push({ keyId: facts.newKey.id, state: 'staged' });
  if (facts.oldKey !== null) states.push({ keyId: facts.oldKey.id, state: 'current' });
  return states;
}

interface Condemned {
  /** What goes on being served, of an emergency's; null where none does, or of any other. */
  readonly survivor: KeyRecord | null;
  readonly debts: readonly NewDebt[];
  readonly keyStates: NonNullable<Change['keyStates']>;
}

function condemned(facts: Facts, decision: Decision): Condemned {
  if (decision.condemn === 'asked') return condemnedByAsking(facts);
  const cause = causeOf(facts, decision);
  // Of a key that was only found under its attempt's name nobody holds the value.
  const found = decision.condemn === 'found' ? (facts.minted?.listed ?? []).map((key) => ({ issuerKeyId: key.id, fingerprint: null })) : [];
  const keys = condemnedKeys(facts, decision).filter((key) => key.state !== 'revoked' && key.state !== 'lost');
  return {
    survivor: null,
    debts: [...found, ...keys].map((key) => debtFor(facts, key, cause, notBeforeMs(facts, decision))),
    keyStates: keys.map((key) => ({ keyId: key.id, state: 'condemned' as const })),
  };
}

function notBeforeMs(facts: Facts, { condemn }: Decision): number {
  if (condemn === 'new') return hazardLeftMs(facts);
  // It did not drain: applications that read it before have the overlap from now on.
  return condemn === 'old' && facts.rotation.path === 'emergency' ? facts.plan.policy.overlapMs : 0;
}

/** What was named dies at once. What a rotation that was pre-empted has left dies as its own debt would have let it. */
function condemnedByAsking(facts: Facts): Condemned {
  const { die, survivor, others } = fatesOf(facts.everyKey ?? [], revocationOf(facts.notes), facts.notes.mayServe);
  return {
    survivor,
    debts: [
      ...die.map((key): NewDebt => ({ ...debtFor(facts, key, 'emergency', 0), issuer: key.issuer })),
      ...others.map((key): NewDebt => ({ ...debtFor(facts, key, 'aborted', 0), issuer: key.issuer, rotationId: key.rotationId, ...(key.state === 'draining' ? { cause: 'superseded', notBeforeMs: facts.plan.policy.overlapMs } : {}) })),
    ],
    keyStates: [...die, ...others].map((key) => ({ keyId: key.id, state: 'condemned' as const })),
  };
}

function condemnedKeys(facts: Facts, { condemn }: Decision): readonly KeyRecord[] {
  const key = condemn === 'old' ? facts.oldKey : condemn === 'new' ? facts.newKey : null;
  return key === null ? [] : [key];
}

function causeOf(facts: Facts, decision: Decision): DebtCause {
  if (decision.condemn === 'found') return 'orphan';
  if (decision.condemn === 'old') return facts.rotation.path === 'replace' ? 'replaced' : 'superseded';
  if (facts.rotation.state === 'rolling_back') return 'rolled_back';
  return decision.kind === 'go' && decision.to === 'aborting' ? 'aborted' : 'orphan';
}

function debtFor(facts: Facts, key: Pick<KeyRecord, 'issuerKeyId' | 'fingerprint'>, cause: DebtCause, notBeforeMs: number): NewDebt {
  const { id, credential } = facts.rotation;
  return { credential, issuer: facts.plan.issuer.name, issuerKeyId: key.issuerKeyId, fingerprint: key.fingerprint, cause, rotationId: id, notBeforeMs };
}

function watchAttempt(facts: Facts): readonly NewWatch[] {
  const { attempt } = facts.notes;
  if (attempt?.sentAt == null || attempt.outcome === 'refused') return [];
  const { id, credential } = facts.rotation;
  return [{ issuer: facts.plan.issuer.name, credential, name: attempt.name, rotationId: id, forMs: WATCH_MS }];
}

/** What changes in the ledger alone. */
export async function writeChange(turn: Turn, facts: Facts, decision: Decision & { kind: 'write' }): Promise<Change> {
  const written = await WRITES[decision.write](turn, facts);
  const own = condemned(facts, decision);
  return {
    ...said(turn, facts, decision, { ...settled(facts.notes), ...written.notes }),
    ...written.change,
    debts: [...(written.change.debts ?? []), ...own.debts],
    keyStates: [...(written.change.keyStates ?? []), ...own.keyStates],
    wakeInMs: 0,
  };
}

interface Written {
  readonly notes: Partial<Notes>;
  readonly change: Change;
}

const WRITES: Readonly<Record<LedgerWrite, (turn: Turn, facts: Facts) => Promise<Written>>> = {
  retry_attempt: async (_turn, facts) => ({ notes: { attempt: { ...mustAttempt(facts), sentAt: null, outcome: null, refusal: null } }, change: {} }),
  tell: async (_turn, { notes: { trouble, failing } }) => ({ notes: { ...(trouble === undefined ? {} : { trouble }), ...(failing === undefined ? {} : { failing }) }, change: {} }),
  // Of a store that took no value the next attempt knows: it does not come at once.
  next_attempt: async (turn, facts) => ({ notes: { ...(await nextAttempt(turn, facts, true)), ...untaken(facts) }, change: { watches: watchAttempt(facts), newKeyId: null } }),
  adopt_minted: async (_turn, facts) => adoptMinted(facts),
  condemn_new: async () => ({ notes: {}, change: {} }),
  note_drift: async () => ({ notes: { drifted: true }, change: {} }),
  note_repaired: async (turn) => ({ notes: { drifted: false, repairedAt: await readBackAt(turn) }, change: {} }),
  // What is left waits for time, not for places: others may have them.
  note_restored: async (turn) => ({ notes: { drifted: false, restoredAt: await readBackAt(turn) }, change: { unlockLocations: true, releaseSlot: true } }),
  drop_abort: async () => ({ notes: {}, change: { abortAnswered: true } }),
  forget_old: async (_turn, facts) => ({ notes: {}, change: { oldKeyId: null, keyStates: facts.oldKey === null ? [] : [{ keyId: facts.oldKey.id, state: 'lost' }] } }),
};

function untaken({ notes: { attempt, trouble } }: Facts): Pick<Notes, 'trouble'> {
  return attempt?.outcome === 'unstaged' && trouble !== undefined ? { trouble } : {};
}

/** Facts are as old as the last write: what was read back since may have come to show only then. */
async function readBackAt({ engine }: Turn): Promise<string> {
  return (await engine.ledger.now()).toISOString();
}

function mustAttempt(facts: Facts): Attempt {
  if (facts.notes.attempt === undefined) throw new Error('there is no attempt');
  return facts.notes.attempt;
}

function adoptMinted(facts: Facts): Written {
  const found = facts.minted?.listed?.[0];
  if (found === undefined) throw new Error('nothing was found to adopt');
  const { id, credential } = facts.rotation;
  const newKey: NonNullable<Change['newKey']> = {
    credential, issuer: facts.plan.issuer.name, issuerKeyId: found.id, name: found.name, prefix: found.prefix,
    fingerprint: facts.minted?.fingerprint ?? null, scopes: found.scopes, state: 'staged', proven: true, rotationId: id, createdAt: null,
  };
  return { notes: { attempt: { ...mustAttempt(facts), outcome: 'minted' } }, change: { newKey, watches: watchAttempt(facts) } };
}

/** A wait: why, for how long, and that it was for the same reason as before. */
export function waitChange(turn: Turn, facts: Facts, decision: Decision & { kind: 'wait' }): Change {
  const times = facts.notes.waited?.reason === decision.reason ? facts.notes.waited.times + 1 : 1;
  return { ...said(turn, facts, decision, { ...facts.notes, ...remembered(facts), waited: { reason: decision.reason, times } }), wakeInMs: decision.ms };
}

/** Reason, message, notes, the notice that people get once a reason, and audit of an override. */
function said(turn: Turn, facts: Facts, decision: Decision, notes: Notes): Change {
  const key = toldKey(facts, decision);
  const tells = decision.tell !== undefined && !(facts.notes.told ?? []).includes(key);
  const notice = tells ? noticeOf(turn, facts, decision) : null;
  const problems = problemsOf(facts, decision);
  const { problems: _before, ...kept } = notes;
  return {
    reason: decision.reason,
    message: decision.message,
    notes: { ...kept, ...remembered(facts), ...evidenceOf(facts, decision), ...(problems.length > 0 ? { problems } : {}), ...(tells ? { told: [...(facts.notes.told ?? []), key] } : {}) },
    notices: notice === null ? [] : [{ notice, channels: facts.plan.channels[notice.severity] }],
    audit: decision.reason === 'max_age' ? [override(turn, facts, decision)] : [],
  };
}

/** People hear again when something else stands in the way. */
function toldKey(facts: Facts, decision: Decision): string {
  const codes = facts.preflight?.problems.map((problem) => problem.code).sort().join('+') ?? '';
  return codes === '' ? decision.reason : `${decision.reason}:${codes}`;
}

function override(turn: Turn, facts: Facts, decision: Decision): NonNullable<Change['audit']>[number] {
  return {
    type: 'policy.max_age_override',
    actor: { who: `worker:${turn.engine.worker}`, why: decision.message },
    keyId: facts.oldKey?.id ?? null,
    detail: { maxAgeMs: facts.plan.policy.maxAgeMs, drain: facts.drain?.detail ?? '' },
  };
}

function remembered(facts: Facts): Partial<Notes> {
  return facts.drain?.observed == null ? {} : { quiet: facts.drain.observed };
}

function settled(notes: Notes): Notes {
  const { trouble: _trouble, failing: _failing, waited: _waited, waitsFor: _waitsFor, ...kept } = notes;
  return kept;
}
