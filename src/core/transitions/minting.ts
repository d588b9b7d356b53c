/** A key comes to exist: creating, staged, verified. */
import { minutes, seconds } from '../duration.ts';
import type { Attempt, Facts } from '../facts.ts';
import {
  abortRefused, always, asked, askedText, backoff, coolDownMs, coolingDown, mayAbort, payable, told, trouble, unpaid, type Row,
} from './row.ts';

/** Attempts of which nothing may come before the rotation gives up (or, with the old key dead, holds and pages). */
export const MAX_LOST_ATTEMPTS = 3;

const attempt = (f: Facts): Attempt | undefined => f.notes.attempt;
const unsent = (f: Facts): boolean => attempt(f)?.sentAt == null;
const refused = (f: Facts): boolean => attempt(f)?.outcome === 'refused';
const TRANSIENT = ['ISSUER_RATE_LIMITED', 'ISSUER_UNAVAILABLE'];
const patient = (f: Facts): boolean => f.inStateMs < f.plan.policy.deadlines.verifyMs;
const refusedForNow = (f: Facts): boolean => refused(f) && TRANSIENT.includes(attempt(f)?.refusal?.code ?? '') && patient(f);
const found = (f: Facts): number => f.minted?.listed?.length ?? 0;
const unanswerable = (f: Facts): boolean => f.minted === undefined || f.minted.listed === null || f.minted.staged === 'unreadable';
const spent = (f: Facts): boolean => (f.notes.lostAttempts ?? 0) >= MAX_LOST_ATTEMPTS;
const spentNext = (f: Facts): boolean => (f.notes.lostAttempts ?? 0) + 1 >= MAX_LOST_ATTEMPTS;
const lookLeft = (f: Facts): number => Math.max(0, (f.minted?.lookUntil.getTime() ?? 0) - f.now.getTime());
const unusable = (f: Facts): string => `The create's answer was lost; ${found(f) === 1 ? 'a key exists' : `${found(f)} keys exist`} under its name without a staged value: condemned.`;
const FORWARD_ONLY = ['emergency', 'replace'] as const;
/** Applications have no key: an orphan is revoked before the next key is minted if it can be at once, and otherwise beside that. */
const hastes = (f: Facts): boolean => f.rotation.path === 'emergency';
/** No request for a key is out of which nobody knows what came. */
const nothingOut = (f: Facts): boolean => unsent(f) || refused(f);
const wantsOut = (f: Facts): boolean => asked(f) && mayAbort(f);

/** Nothing is minted that could not be kept. */
const recordFailing = (f: Facts): boolean => unsent(f) && coolingDown(f);
const recordText = (f: Facts): string => `No key can be created while the store of record takes no value: ${trouble(f)}`;

export const CREATING: readonly Row[] = [
  abortRefused('creating'),
  { from: 'creating', reason: 'abort', title: 'a person asked to abort, a key was minted', when: (f) => wantsOut(f) && f.newKey !== null && ['minted', 'unstaged'].includes(attempt(f)?.outcome ?? ''), does: { go: 'aborting' }, condemn: 'new', message: askedText },
  { from: 'creating', reason: 'abort_unminted', title: 'a person asked to abort, no create is out', when: (f) => wantsOut(f) && nothingOut(f), does: { go: 'aborting' }, message: askedText },
  { from: 'creating', reason: 'minted', title: 'minted and staged', when: (f) => attempt(f)?.outcome === 'minted' && f.newKey !== null, does: { go: 'staged' }, message: (f) => `Minted ${f.newKey?.issuerKeyId} named ${f.newKey?.name}; its value is staged in the store of record.` },
  { from: 'creating', paths: FORWARD_ONLY, reason: 'unstaged_again', title: 'value could not be staged, try again', when: (f) => attempt(f)?.outcome === 'unstaged', does: { write: 'next_attempt' }, condemn: 'new', message: (f) => `A key was minted but its value could not be staged: ${trouble(f)}` },
  { from: 'creating', reason: 'unstaged', title: 'value could not be staged', when: (f) => attempt(f)?.outcome === 'unstaged', does: { go: 'aborting' }, condemn: 'new', message: (f) => `The new key was minted but its value could not be staged: ${trouble(f)}` },
  { from: 'creating', reason: 'issuer_busy', title: 'issuer asks to wait', when: (f) => refusedForNow(f) && coolingDown(f), does: { wait: coolDownMs }, message: (f) => attempt(f)?.refusal?.message ?? '' },
  { from: 'creating', reason: 'issuer_ready', title: 'try the same attempt again', when: refusedForNow, does: { write: 'retry_attempt' }, message: () => 'Surely nothing was created; trying again under the same name.' },
  { from: 'creating', reason: 'refused', title: 'issuer refuses', when: refused, does: { go: 'blocked' }, message: (f) => attempt(f)?.refusal?.message ?? '', tell: 'warning' },
  { from: 'creating', reason: 'pay_orphan', title: 'an orphan fills the slot', when: (f) => unsent(f) && (hastes(f) ? f.debts.untried > 0 : payable(f)), does: { effect: 'pay_debts' }, message: () => 'The key of a lost attempt is revoked before the next one is minted.' },
  { from: 'creating', reason: 'orphan_unpaid', title: 'orphan not revoked yet', when: (f) => unsent(f) && unpaid(f) && !hastes(f), does: { wait: backoff(minutes(1)) }, message: () => 'The key of a lost attempt must be revoked before the next one is minted.' },
  { from: 'creating', paths: FORWARD_ONLY, reason: 'held_unminted', title: 'attempts spent, no way back', when: (f) => unsent(f) && spent(f) && !told(f, 'held_unminted'), does: { wait: () => seconds(30) }, message: () => `No replacement could be created in ${MAX_LOST_ATTEMPTS} attempts; it is tried again.`, tell: 'critical' },
  { from: 'creating', paths: ['emergency'], reason: 'record_failing_urgent', title: 'store of record failed, again later (emergency)', when: recordFailing, does: { wait: coolDownMs }, message: recordText, tell: 'critical' },
  { from: 'creating', reason: 'record_failing', title: 'store of record failed, again later', when: recordFailing, does: { wait: coolDownMs }, message: recordText },
  { from: 'creating', reason: 'mint', title: 'mint', when: unsent, does: { effect: 'mint' }, message: (f) => `Minting ${attempt(f)?.name}.` },
  { from: 'creating', reason: 'unanswerable', title: 'cannot look yet', when: unanswerable, does: { wait: backoff(minutes(1)) }, message: (f) => `The create's answer was lost, and it cannot be looked up yet: ${f.minted?.detail ?? ''}` },
  { from: 'creating', reason: 'recovered', title: 'lost create recovered', when: (f) => found(f) === 1 && f.minted?.staged === 'present', does: { write: 'adopt_minted' }, message: (f) => `The create's answer was lost, but ${f.minted?.listed?.[0]?.id} exists under its name and its value is staged: adopted.` },
  { from: 'creating', reason: 'abort_found', title: 'a person asked to abort, the lost create is found', when: (f) => wantsOut(f) && found(f) > 0, does: { go: 'aborting' }, condemn: 'found', message: (f) => `${askedText(f)} ${unusable(f)}` },
  { from: 'creating', paths: ['displace'], reason: 'unusable_spent', title: 'lost create without its value, attempts spent', when: (f) => found(f) > 0 && spentNext(f), does: { go: 'aborting' }, condemn: 'found', message: (f) => `${unusable(f)} It was the last of ${MAX_LOST_ATTEMPTS} attempts.` },
  { from: 'creating', reason: 'unusable', title: 'lost create without its value', when: (f) => found(f) > 0, does: { write: 'next_attempt' }, condemn: 'found', message: (f) => unusable(f) },
  { from: 'creating', reason: 'unseen', title: 'look again', when: (f) => lookLeft(f) > 0, does: { wait: (f) => Math.min(seconds(5), Math.max(250, lookLeft(f))) }, message: () => 'No key is listed under the attempt\'s name yet; looking again before concluding that nothing was created.' },
  { from: 'creating', reason: 'abort_unseen', title: 'a person asked to abort, nothing was created', when: wantsOut, does: { go: 'aborting' }, message: (f) => `${askedText(f)} Nothing was created under ${attempt(f)?.name}; that name is watched for 24 hours.` },
  { from: 'creating', paths: ['displace'], reason: 'attempts_spent', title: 'attempts spent', when: spentNext, does: { go: 'aborting' }, message: () => `Nothing could be created in ${MAX_LOST_ATTEMPTS} attempts.` },
  { from: 'creating', reason: 'nothing_created', title: 'nothing was created', when: always, does: { write: 'next_attempt' }, message: (f) => `Nothing was created under ${attempt(f)?.name}; that name is watched for 24 hours.` },
];

const slotLost = (f: Facts): boolean => f.staged?.slot === 'absent' || f.staged?.slot === 'mismatch';
const late = (f: Facts): boolean => f.inStateMs >= f.plan.policy.deadlines.verifyMs;
const proved = (f: Facts): boolean =>
  f.staged?.slot === 'match' && !f.staged.unlisted && f.staged.mismatch === null && f.staged.checks.every((c) => c.ok);
const useless = (f: Facts): boolean => f.staged?.mismatch != null || slotLost(f) || late(f);
const stagedDetail = (f: Facts): string => f.staged?.mismatch ?? f.staged?.detail ?? '';

export const STAGED: readonly Row[] = [
  abortRefused('staged'),
  { from: 'staged', reason: 'abort', title: 'a person asked to abort', when: asked, does: { go: 'aborting' }, condemn: 'new', message: askedText },
  { from: 'staged', reason: 'proved', title: 'read back, checks green', when: proved, does: { go: 'verified' }, message: (f) => `Read back and proved: ${f.staged?.checks.map((c) => `${c.name}: ${c.detail}`).join('; ')}` },
  { from: 'staged', paths: FORWARD_ONLY, reason: 'mint_again', title: 'useless, mint another', when: (f) => useless(f) && !spent(f), does: { go: 'creating' }, condemn: 'new', message: (f) => `The replacement is useless: ${stagedDetail(f)}` },
  { from: 'staged', paths: FORWARD_ONLY, reason: 'held_unproved', title: 'useless, no way back', when: useless, does: { wait: backoff(minutes(1)) }, message: (f) => `The replacement cannot be proved, and there is no old key to keep: ${stagedDetail(f)}`, tell: 'critical' },
  { from: 'staged', reason: 'wrong_key', title: 'scopes or environment differ', when: (f) => f.staged?.mismatch != null, does: { go: 'aborting' }, condemn: 'new', message: (f) => `The new key is not as declared: ${f.staged?.mismatch}` },
  { from: 'staged', reason: 'value_lost', title: 'staged value gone', when: slotLost, does: { go: 'aborting' }, condemn: 'new', message: () => 'The staged value is gone from the store of record, or is another one.' },
  { from: 'staged', reason: 'unproved', title: 'checks red past deadline', when: late, does: { go: 'aborting' }, condemn: 'new', message: (f) => `The new key did not pass its checks in time: ${f.staged?.detail ?? ''}` },
  { from: 'staged', reason: 'proving', title: 'checks not green yet', when: always, does: { wait: backoff(seconds(10)) }, message: (f) => `Not proved yet: ${f.staged?.detail ?? ''}` },
  abortRefused('verified'),
  { from: 'verified', reason: 'abort', title: 'a person asked to abort', when: asked, does: { go: 'aborting' }, condemn: 'new', message: askedText },
  { from: 'verified', reason: 'promote', title: 'intent to promote', when: always, does: { go: 'promoting' }, message: () => 'From here on stores change.' },
];
