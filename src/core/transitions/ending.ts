/** Keys die and rotations end: revoking, reporting, aborting, rolling_back. */
import { minutes, seconds } from '../duration.ts';
import type { Facts } from '../facts.ts';
import { hazardLeftMs } from '../hazard.ts';
import { isLiving } from '../revocation.ts';
import {
  abortRefused, always, backoff, coolDownMs, coolingDown, failure, failedBefore, hooksRun, naming, newKeyCondemned, payable, replaces, someServe,
  trouble, unpaid, unpaidBecause, type Row,
} from './row.ts';

/** An emergency pays by itself, in its own lane: it does not wait for whoever pays debts of others. */
const debtWait = (f: Facts): number => (f.rotation.path === 'emergency' ? Math.min(minutes(1), Math.max(250, f.debts.nextTryMs)) : minutes(1));

const reported = ({ newKey, rotation }: Facts): string => {
  if (newKey === null) return 'Revoked. The credential has no key any more, and gets none until somebody rotates it.';
  return newKey.rotationId === rotation.id ? 'The key was revoked and the credential has a new one.' : `Revoked. The credential goes on with ${newKey.issuerKeyId}, which was not named.`;
};

export const REVOKING: readonly Row[] = [
  abortRefused('revoking'),
  { from: 'revoking', reason: 'revoke', title: 'pay the debt', when: payable, does: { effect: 'pay_debts' }, message: () => 'Revoking.' },
  { from: 'revoking', reason: 'debt_open', title: 'debt open', when: unpaid, does: { wait: debtWait }, message: (f) => `The revocation is a debt, retried until it is paid.${unpaidBecause(f)}` },
  { from: 'revoking', paths: ['displace'], reason: 'revoked', title: 'old key revoked', when: always, does: { go: 'done' }, message: () => 'The old key is revoked; the new key is the only one.', tell: 'info' },
  { from: 'revoking', paths: ['emergency'], reason: 'survived', title: 'revoked, another key of it lives', when: (f) => f.newKey !== null && isLiving(f.newKey), does: { go: 'promoting' }, message: (f) => `Revoked. Key ${f.newKey?.issuerKeyId} was not named: every store is to serve it.` },
  { from: 'revoking', paths: ['emergency'], reason: 'not_replaced', title: 'revoked, and nothing is to follow', when: (f) => !replaces(f), does: { go: 'reporting' }, message: () => 'Revoked. Nothing is created in its place, as was asked.' },
  { from: 'revoking', reason: 'revoked_first', title: 'revoked, now the replacement', when: always, does: { go: 'creating' }, message: () => 'Revoked. Creating the replacement.' },
  abortRefused('reporting'),
  { from: 'reporting', reason: 'tidy', title: 'remove copies of dead keys', when: (f) => f.notes.tidied !== true, does: { effect: 'tidy' }, message: () => 'Removing what stores still keep of dead keys.' },
  { from: 'reporting', reason: 'reported', title: 'reported', when: always, does: { go: 'done' }, message: (f) => reported(f), tell: 'critical' },
];

export const ABORTING: readonly Row[] = [
  { from: 'aborting', reason: 'discard_failing', title: 'store failed, again later', when: (f) => f.minted?.staged !== 'absent' && coolingDown(f), does: { wait: coolDownMs }, message: (f) => `The staged value could not be removed: ${trouble(f)}` },
  { from: 'aborting', reason: 'discard_unreadable', title: 'store cannot be read', when: (f) => f.minted?.staged === 'unreadable', does: { wait: backoff(minutes(1)) }, message: (f) => `Cannot prove that nothing is staged: ${f.minted?.detail ?? ''}` },
  { from: 'aborting', reason: 'discard', title: 'remove the staged value', when: (f) => f.minted?.staged === 'present', does: { effect: 'discard_staged' }, message: () => 'Removing the staged value.' },
  { from: 'aborting', reason: 'revoke_new', title: 'pay the debt', when: payable, does: { effect: 'pay_debts' }, message: () => 'Revoking the new key.' },
  { from: 'aborting', reason: 'new_unpaid', title: 'debt open', when: unpaid, does: { wait: () => minutes(1) }, message: (f) => `The new key's revocation is a debt, retried until it is paid.${unpaidBecause(f)}` },
  { from: 'aborting', reason: 'aborted', title: 'new key revoked, old key stays', when: always, does: { go: 'aborted' }, message: (f) => `Aborted: ${failure(f)} Stores were not changed.`, tell: 'warning' },
];

/** Milliseconds since every store was read back with the old key, in this turn back; null before. */
const restoredForMs = (f: Facts): number | null => {
  const ms = f.notes.restoredAt === undefined ? Number.POSITIVE_INFINITY : f.now.getTime() - Date.parse(f.notes.restoredAt);
  return ms > f.inStateMs ? null : ms;
};
const overlapLeftMs = (f: Facts): number => Math.max(0, f.plan.policy.overlapMs - (restoredForMs(f) ?? 0));

export const ROLLING_BACK: readonly Row[] = [
  { from: 'rolling_back', reason: 'old_key_dead', title: 'old key dead: go forward', when: (f) => f.oldKeyAlive === false && !newKeyCondemned(f), does: { go: 'promoting' }, message: () => 'The old key is dead at the issuer; going back to it would lock applications out.', tell: 'critical' },
  { from: 'rolling_back', reason: 'restore_failing', title: 'a store failed, again later', when: (f) => someServe(f, 'new') && coolingDown(f), does: { wait: coolDownMs }, message: (f) => `A store could not be restored: ${trouble(f)}` },
  { from: 'rolling_back', reason: 'drifted', title: 'a store serves the new key again', when: (f) => someServe(f, 'new') && restoredForMs(f) !== null && f.notes.drifted !== true, does: { write: 'note_drift' }, message: (f) => `Serving the new key again: ${naming(f, 'new')}.` },
  { from: 'rolling_back', reason: 'restoring', title: 'restore the next store', when: (f) => someServe(f, 'new'), does: { effect: 'restore' }, message: (f) => `Restoring the old key in ${naming(f, 'new')}.` },
  { from: 'rolling_back', reason: 'restore_unproved', title: 'a store cannot be read', when: (f) => someServe(f, 'unreadable'), does: { wait: backoff(seconds(30)) }, message: (f) => `The new key stays alive: it cannot be proved what is served by ${naming(f, 'unreadable')}.` },
  { from: 'rolling_back', reason: 'reloading_old', title: 'run reload hooks', when: (f) => !hooksRun(f, 'rolled_back') && !failedBefore(f), does: { effect: 'hooks_rolled_back' }, message: () => 'Telling applications to read the old key again.' },
  { from: 'rolling_back', reason: 'settling', title: 'a write may still land', when: (f) => !newKeyCondemned(f) && hazardLeftMs(f) > 0, does: { wait: (f) => Math.min(seconds(10), hazardLeftMs(f)) }, message: () => 'Every store serves the old key; waiting until nothing that was sent before can still land.' },
  { from: 'rolling_back', reason: 'restored', title: 'every store serves the old key', when: (f) => restoredForMs(f) === null || f.notes.drifted === true, does: { write: 'note_restored' }, message: () => 'Every store serves the old key again.' },
  { from: 'rolling_back', reason: 'new_key_overlap', title: 'applications may have read the new key', when: (f) => !newKeyCondemned(f) && overlapLeftMs(f) > 0, does: { wait: (f) => Math.min(minutes(10), overlapLeftMs(f)) }, message: (f) => `Every store serves the old key again; the new one lives on for the overlap, since applications may have read it. ${failure(f)}`, tell: 'critical' },
  { from: 'rolling_back', reason: 'condemn', title: 'condemn the new key', when: (f) => f.newKey !== null && !newKeyCondemned(f), does: { write: 'condemn_new' }, condemn: 'new', message: () => 'No store serves the new key any more; it is condemned.' },
  { from: 'rolling_back', reason: 'revoke_new', title: 'pay the debt', when: payable, does: { effect: 'pay_debts' }, message: () => 'Revoking the new key.' },
  { from: 'rolling_back', reason: 'new_unpaid', title: 'debt open', when: unpaid, does: { wait: () => minutes(1) }, message: (f) => `The new key's revocation is a debt, retried until it is paid.${unpaidBecause(f)}` },
  { from: 'rolling_back', reason: 'rolled_back', title: 'old key everywhere, new key revoked', when: always, does: { go: 'rolled_back' }, message: (f) => `Rolled back: ${failure(f)}`, tell: 'critical' },
];
