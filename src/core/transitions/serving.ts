/** What applications read changes: promoting, confirmed, draining. */
import { minutes, seconds } from '../duration.ts';
import type { Facts } from '../facts.ts';
import { hazardLeftMs } from '../hazard.ts';
import { isLiving } from '../revocation.ts';
import {
  abortRefused, allServeNew, always, failingPlaces, applicationRed, asked, askedText, backoff, canGoBack, coolDownMs, coolingDown, describeRed, hooksRun, naming,
  namingOthers, placeCount, placesRestMs, readyPlaces, replaces, someServe, told, trouble, untoldPlaces, type Row,
} from './row.ts';

const promoteLate = (f: Facts): boolean => f.inStateMs >= f.plan.policy.deadlines.promoteMs;
const confirmLate = (f: Facts): boolean => f.inStateMs >= f.plan.policy.deadlines.confirmMs;
const stuck = (f: Facts): boolean => f.inStateMs >= f.plan.policy.deadlines.stuckMs;
/** What only the issuer and the stores can tell of the way back. */
const wayBackShut = (f: Facts): string | null => {
  if (f.oldKeyAlive === false) return 'The old key is dead at the issuer; going back to it would lock applications out.';
  return f.oldValue === 'gone' ? 'No store holds the value of the old key any more, so it cannot be published again.' : null;
};
const wayBackOpen = (f: Facts): boolean => asked(f) && canGoBack(f) && f.oldValue === 'held';
const ABORT_UNPROVED = 'It waits: it cannot be proved yet that the old key lives and that a store still holds its value.';

const behind = (f: Facts): boolean => someServe(f, 'old', 'ours', 'empty');

export const PROMOTING: readonly Row[] = [
  abortRefused('promoting', wayBackShut),
  { from: 'promoting', reason: 'abort', title: 'a person asked to abort', when: wayBackOpen, does: { go: 'rolling_back' }, message: askedText },
  { from: 'promoting', reason: 'promoted', title: 'every store reads back the new key', when: allServeNew, does: { go: 'confirmed' }, message: (f) => `Every store reads back the new key (${placeCount(f)}).` },
  { from: 'promoting', reason: 'store_conflict', title: 'a store was changed by someone else', when: (f) => someServe(f, 'foreign') && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Someone else changed ${naming(f, 'foreign')}.` },
  { from: 'promoting', reason: 'promote_late', title: 'deadline passed', when: (f) => promoteLate(f) && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Not every store could be promoted in time: ${namingOthers(f)} ${trouble(f)}` },
  { from: 'promoting', paths: ['emergency'], reason: 'value_gone', title: 'no store holds the value any more', when: (f) => behind(f) && f.newValue === 'gone' && replaces(f), does: { go: 'creating' }, message: (f) => `No store holds the value of ${f.newKey?.issuerKeyId} any more: another key is created.` },
  { from: 'promoting', paths: ['emergency'], reason: 'store_failed', title: 'a store fails, people are told at once', when: (f) => failingPlaces(f) !== '' && !told(f, 'store_failed'), does: { write: 'tell' }, message: (f) => `Not every store takes the key, and the others get it meanwhile: ${failingPlaces(f)}`, tell: 'critical' },
  { from: 'promoting', paths: ['emergency'], reason: 'promoting_ready', title: 'promote the next store that does not fail', when: (f) => readyPlaces(f).length > 0, does: { effect: 'promote' }, message: (f) => `Promoting ${readyPlaces(f).map((p) => p.describe).join('; ')}.` },
  { from: 'promoting', paths: ['emergency'], reason: 'reloading_meanwhile', title: 'run reload hooks for the stores that have it', when: untoldPlaces, does: { effect: 'hooks_meanwhile' }, message: () => 'Telling applications to read the new key, where it is.' },
  { from: 'promoting', reason: 'held_conflict', title: 'foreign value, no way back', when: (f) => someServe(f, 'foreign'), does: { wait: backoff(minutes(1)) }, message: (f) => `Someone else changed ${naming(f, 'foreign')}, and there is no old key to go back to.`, tell: 'critical' },
  { from: 'promoting', reason: 'held_late', title: 'deadline passed, no way back', when: (f) => promoteLate(f) && !told(f, 'held_late'), does: { wait: () => seconds(1) }, message: (f) => `Stores cannot be promoted, and there is no old key to go back to: ${namingOthers(f)} ${trouble(f)}`, tell: 'critical' },
  { from: 'promoting', reason: 'abort_unproved', title: 'a person asked to abort, way back not proved', when: asked, does: { wait: backoff(seconds(30)) }, message: (f) => `${askedText(f)} ${ABORT_UNPROVED}` },
  { from: 'promoting', paths: ['emergency'], reason: 'stores_failing', title: 'stores fail, again later', when: behind, does: { wait: placesRestMs }, message: (f) => `Trying again soon: ${failingPlaces(f) || namingOthers(f)}` },
  { from: 'promoting', reason: 'store_failing', title: 'a store failed, again later', when: coolingDown, does: { wait: coolDownMs }, message: (f) => `A store failed: ${trouble(f)}` },
  { from: 'promoting', reason: 'promoting', title: 'promote the next store', when: behind, does: { effect: 'promote' }, message: (f) => `Promoting ${naming(f, 'old', 'ours', 'empty')}.` },
  { from: 'promoting', reason: 'store_unreadable', title: 'a store cannot be read', when: always, does: { wait: backoff(seconds(30)) }, message: (f) => `Cannot read ${naming(f, 'unreadable')}.` },
];

export const CONFIRMED: readonly Row[] = [
  abortRefused('confirmed', wayBackShut),
  { from: 'confirmed', reason: 'abort', title: 'a person asked to abort', when: wayBackOpen, does: { go: 'rolling_back' }, message: askedText },
  { from: 'confirmed', reason: 'changed', title: 'a store was changed by someone else', when: (f) => someServe(f, 'foreign') && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Someone else changed ${naming(f, 'foreign')}.` },
  { from: 'confirmed', reason: 'read_back_late', title: 'read back red past deadline', when: (f) => !allServeNew(f) && confirmLate(f) && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Stores do not serve the new key: ${namingOthers(f)}` },
  { from: 'confirmed', reason: 'abort_unproved', title: 'a person asked to abort, way back not proved', when: asked, does: { wait: backoff(seconds(30)) }, message: (f) => `${askedText(f)} ${ABORT_UNPROVED}` },
  { from: 'confirmed', paths: ['emergency'], reason: 'drifted', title: 'a store went back to another key', when: (f) => behind(f), does: { go: 'promoting' }, message: (f) => `No longer serving the new key: ${naming(f, 'old', 'ours', 'empty')}.` },
  { from: 'confirmed', reason: 'reading_back', title: 'read back not complete', when: (f) => !allServeNew(f), does: { wait: backoff(seconds(10)) }, message: (f) => `Waiting for stores to serve the new key: ${namingOthers(f)}` },
  { from: 'confirmed', reason: 'hooks_late', title: 'hooks fail past deadline', when: (f) => !hooksRun(f, 'promoted') && confirmLate(f) && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Reload hooks failed: ${trouble(f)}` },
  { from: 'confirmed', reason: 'hook_failing', title: 'a hook failed, again later', when: (f) => !hooksRun(f, 'promoted') && coolingDown(f), does: { wait: coolDownMs }, message: (f) => `A reload hook failed: ${trouble(f)}` },
  { from: 'confirmed', reason: 'reloading', title: 'run reload hooks', when: (f) => !hooksRun(f, 'promoted'), does: { effect: 'hooks_promoted' }, message: () => 'Telling applications to read the new key.' },
  { from: 'confirmed', reason: 'application_red', title: 'application check red', when: (f) => applicationRed(f) && canGoBack(f), does: { go: 'rolling_back' }, message: (f) => `Application checks are red: ${describeRed(f)}` },
  { from: 'confirmed', reason: 'held_red', title: 'red, no way back', when: applicationRed, does: { wait: backoff(minutes(1)) }, message: (f) => `Application checks are red, and there is no old key to go back to: ${describeRed(f)}`, tell: 'critical' },
  { from: 'confirmed', paths: ['emergency'], reason: 'settling', title: 'a write of the rotation before may still land', when: (f) => f.newKey?.rotationId !== f.rotation.id && hazardLeftMs(f) > 0, does: { wait: (f) => Math.min(seconds(10), hazardLeftMs(f)) }, message: () => 'Stores and applications are healthy; waiting until nothing that the rotation before had sent can still land.' },
  { from: 'confirmed', paths: ['emergency'], reason: 'recovered_anew', title: 'green, the key that was to serve has no value', when: (f) => f.oldKey !== null && isLiving(f.oldKey) && f.oldKey.id !== f.newKey?.id, does: { go: 'reporting' }, condemn: 'old', message: (f) => `Stores and applications are healthy on the replacement; ${f.oldKey?.issuerKeyId}, whose value no store holds, dies after the overlap.` },
  { from: 'confirmed', paths: ['emergency'], reason: 'recovered', title: 'green', when: always, does: { go: 'reporting' }, message: () => 'Stores and applications are healthy on the replacement.' },
  { from: 'confirmed', reason: 'nothing_to_drain', title: 'green, no old key alive', when: (f) => f.rotation.path === 'replace' || f.oldKey === null, does: { go: 'done' }, message: () => 'Stores and applications are healthy; there is no old key to drain.', tell: 'info' },
  { from: 'confirmed', reason: 'healthy', title: 'green', when: always, does: { go: 'draining' }, message: () => 'Stores and applications are healthy; the old key drains.' },
];

const unquiet = (f: Facts): boolean => f.drain?.quiet === 'busy' || f.drain?.quiet === 'unproved';
const quietWait = (f: Facts): number => Math.max(500, Math.min(minutes(5), f.drain?.quietLeftMs ?? 0));
const drainDetail = (f: Facts): string => f.drain?.detail ?? '';

export const DRAINING: readonly Row[] = [
  abortRefused('draining', wayBackShut),
  { from: 'draining', reason: 'abort', title: 'a person asked to abort, old key alive', when: (f) => wayBackOpen(f) && f.oldKeyAlive === true, does: { go: 'rolling_back' }, message: askedText },
  { from: 'draining', reason: 'abort_unproved', title: 'a person asked to abort, way back not proved', when: asked, does: { wait: backoff(seconds(30)) }, message: (f) => `${askedText(f)} ${ABORT_UNPROVED}` },
  { from: 'draining', reason: 'overlap', title: 'overlap not over', when: (f) => (f.drain?.overlapLeftMs ?? 0) > 0, does: { wait: (f) => f.drain?.overlapLeftMs ?? 0 }, message: () => 'Old and new key both live until the overlap is over.' },
  { from: 'draining', reason: 'repair_failing', title: 'repair failed, again later', when: coolingDown, does: { wait: coolDownMs }, message: (f) => `A store could not be repaired: ${trouble(f)}` },
  { from: 'draining', reason: 'drifted', title: 'a store went back to an older key', when: (f) => behind(f) && f.notes.drifted !== true, does: { write: 'note_drift' }, message: (f) => `No longer serving the new key: ${naming(f, 'old', 'ours', 'empty')}.` },
  { from: 'draining', reason: 'repairing', title: 'promote it again', when: behind, does: { effect: 'promote' }, message: (f) => `Repairing ${naming(f, 'old', 'ours', 'empty')}, which no longer serves the new key.` },
  { from: 'draining', reason: 'evidence_missing', title: 'a store cannot be proved', when: (f) => !allServeNew(f), does: { wait: backoff(minutes(5)) }, message: (f) => `The old key stays alive: it cannot be proved what is served by ${namingOthers(f)}.`, tell: 'warning' },
  { from: 'draining', reason: 'repaired', title: 'every store serves the new key again', when: (f) => f.notes.drifted === true, does: { write: 'note_repaired' }, message: () => 'Every store serves the new key again; the overlap begins anew.' },
  { from: 'draining', reason: 'max_age', title: 'maximum age overrides quiet', when: (f) => f.drain?.pastMaxAge === true && unquiet(f), does: { go: 'revoking' }, condemn: 'old', message: (f) => `The maximum age has passed and overrides quiet: ${drainDetail(f)}` },
  { from: 'draining', reason: 'drain_stuck', title: 'not quiet for long', when: (f) => unquiet(f) && stuck(f) && !told(f, 'drain_stuck'), does: { wait: quietWait }, message: (f) => `The old key still drains: ${drainDetail(f)}`, tell: 'warning' },
  { from: 'draining', reason: 'busy', title: 'old key still used', when: (f) => f.drain?.quiet === 'busy', does: { wait: quietWait }, message: drainDetail },
  { from: 'draining', reason: 'quiet_unproved', title: 'usage not proved yet', when: (f) => f.drain?.quiet === 'unproved', does: { wait: backoff(minutes(1)) }, message: drainDetail },
  { from: 'draining', reason: 'drained', title: 'overlap over, stores read back, old key quiet', when: always, does: { go: 'revoking' }, condemn: 'old', message: (f) => `Evidence is complete: ${drainDetail(f)}` },
];
