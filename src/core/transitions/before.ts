/** Before anything exists: admission, preflight, blocked. */
import { minutes, seconds } from '../duration.ts';
import type { Facts } from '../facts.ts';
import { abortRefused, always, asked, askedText, backoff, replaces, unpaid, type Row } from './row.ts';

const problems = (f: Facts): boolean => (f.preflight?.problems.length ?? 0) > 0;
const problemText = (f: Facts): string => (f.preflight?.problems ?? []).map((p) => `${p.message} ${p.todo}`.trimEnd()).join(' ');
const oldKeyGone = (f: Facts): boolean => f.oldKey !== null && f.oldKeyAlive === false;
/** A key was adopted while the rotation waited without one: it must be proved and drained like any other. */
const adoptedMeanwhile = (f: Facts): boolean => f.oldKey === null && f.rotation.path !== 'emergency' && f.currentKeyId != null;
const revokedFirst = (f: Facts): boolean => f.rotation.path === 'emergency' || f.oldKey?.state === 'revoked';

const isEvery = (f: Facts): boolean => (f.notes.revocation?.keys ?? 'every') === 'every';

/** Something of it may exist at the issuer: to give it up takes more than to end it. */
const triedToMint = (f: Facts): boolean => f.notes.attempt?.sentAt != null || unpaid(f);

const abortRows = (from: 'preflight' | 'blocked'): readonly Row[] => [
  abortRefused(from),
  { from, reason: 'abort_tried', title: 'a person asked to abort, a create was tried', when: (f) => asked(f) && triedToMint(f), does: { go: 'aborting' }, message: askedText },
  { from, reason: 'abort', title: 'a person asked to abort', when: asked, does: { go: 'aborted' }, message: (f) => `${askedText(f)} Nothing was created, and nothing changed.`, tell: 'info' },
];
/** Preflight cannot see that the issuer refuses the create itself: without a pause it would be sent again at once, for ever. */
const refusalLeftMs = (f: Facts): number => {
  const { attempt } = f.notes;
  if (attempt?.outcome !== 'refused') return 0;
  return Math.max(0, Math.min(minutes(1), seconds(0.5) * 2 ** Math.min(20, attempt.n)) - f.inStateMs);
};

export const BEFORE: readonly Row[] = [
  { from: 'requested', paths: ['emergency'], reason: 'emergency', title: 'emergency: revoke first', when: always, does: { go: 'revoking' }, condemn: 'asked', message: (f) => `Revocation comes first: ${isEvery(f) ? 'every live key of the credential is' : 'what was named is'} condemned.${replaces(f) ? '' : ' Nothing is to be created in its place.'}` },
  { from: 'requested', paths: ['displace', 'replace'], reason: 'abort', title: 'a person asked to abort', when: asked, does: { go: 'aborted' }, message: (f) => `${askedText(f)} It had not begun.`, tell: 'info' },
  { from: 'requested', reason: 'paused', title: 'paused', when: (f) => f.gate?.pausedBy != null, does: { wait: () => minutes(1) }, message: (f) => `Paused: ${f.gate?.pausedBy}.` },
  { from: 'requested', reason: 'window_closed', title: 'window closed', when: (f) => f.rotation.kind === 'scheduled' && (f.gate?.windowOpensInMs ?? 0) > 0, does: { wait: (f) => f.gate?.windowOpensInMs ?? 0 }, message: () => 'The maintenance window is closed.' },
  { from: 'requested', reason: 'admitted', title: 'admitted', when: always, does: { go: 'preflight' }, message: () => 'Proving that it can succeed before anything is created.' },

  ...abortRows('preflight'),
  { from: 'preflight', reason: 'old_key_gone', title: 'current key is gone at the issuer', when: oldKeyGone, does: { write: 'forget_old' }, message: (f) => `The current key ${f.oldKey?.issuerKeyId} is gone at the issuer, without Keyturn: applications that use it are locked out. Going on without it.`, tell: 'critical' },
  { from: 'preflight', reason: 'problems', title: 'something stands in the way', when: problems, does: { go: 'blocked' }, message: problemText, tell: 'warning' },
  { from: 'preflight', paths: ['replace'], reason: 'clear_replace', title: 'all proved (replace)', when: (f) => f.oldKey !== null, does: { go: 'revoking' }, condemn: 'old', message: () => 'All proved. The strategy is replace: the old key is revoked first, with downtime, as the policy allows.' },
  { from: 'preflight', reason: 'clear', title: 'all proved', when: always, does: { go: 'creating' }, message: (f) => `All proved: stores, key slot, admin key${f.oldKey === null ? '; there is no current key yet' : ', current key'}.` },

  ...abortRows('blocked'),
  { from: 'blocked', reason: 'old_key_gone', title: 'current key is gone at the issuer', when: oldKeyGone, does: { go: 'preflight' }, message: (f) => `The current key ${f.oldKey?.issuerKeyId} is gone at the issuer.` },
  { from: 'blocked', reason: 'adopted_meanwhile', title: 'a key was adopted meanwhile', when: adoptedMeanwhile, does: { go: 'preflight' }, message: () => 'A key was adopted meanwhile; it is the one to be replaced.' },
  { from: 'blocked', reason: 'still_blocked', title: 'cause remains', when: problems, does: { wait: backoff(minutes(1)) }, message: problemText },
  { from: 'blocked', reason: 'refused_lately', title: 'issuer refused, again later', when: (f) => refusalLeftMs(f) > 0, does: { wait: refusalLeftMs }, message: (f) => f.notes.attempt?.refusal?.message ?? '' },
  { from: 'blocked', paths: ['emergency', 'replace'], reason: 'cleared_after_revoke', title: 'cause cleared, old key dead', when: revokedFirst, does: { go: 'creating' }, message: () => 'The cause has cleared.' },
  { from: 'blocked', reason: 'cleared', title: 'cause cleared', when: always, does: { go: 'preflight' }, message: () => 'The cause has cleared.' },
];
