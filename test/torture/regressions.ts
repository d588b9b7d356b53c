/** What torture found, made small: each broke a promise once. */
import { hours, minutes, seconds } from '../../src/core/duration.ts';
import { BASE, change, faults, ROTATE, type Route } from './routes.ts';
import type { CredentialSpec } from './scenario.ts';

const PLAIN: CredentialSpec = {
  places: ['labels', 'labels'], shares: false, begins: 'empty', everyMs: hours(1), overlapMs: 0, quietMs: 0, strategy: 'displace', deadlineMs: seconds(4),
  hook: false, check: false, useMs: minutes(2), rereadMs: 0,
};

/** Crashes are aimed at a call and its turn: steps of other calls come and go. */
export const REGRESSIONS: readonly Route[] = [
  // Found at seed 7, run 11: the step that failed wrote back what it remembered, over what had been committed.
  change('a commit whose answer is lost is not written over from memory', {}, {
    issuer: { ...BASE.issuer, declaredLagMs: 0, realLagMs: seconds(20) }, faults: faults('ledger.commit', 'error-after', 3, 1), horizonMs: hours(2),
  }),
  // Found at seed 6000029: the new key was revoked while a promotion of it was under way, which landed after that.
  change('a promotion that lands after its rotation turned back finds its key alive', { deadlineMs: seconds(4) }, { faults: faults('store.promote', 'lands-late', 0, 6, seconds(50)) }),
  // Found at seed 7000098: accepted, not shown, rolled back, key revoked, and then shown.
  change('a write that was accepted and shows late finds its key alive', { deadlineMs: seconds(4) }, { stale: [0, 1, 2, 3, 4, 5].map((nth) => ({ nth, ms: seconds(50) })) }),
  // Found at seed 8000114: an application that had read the new key before the rollback was refused at once.
  change('an application that read the new key before a rollback has the overlap to read the old one', { overlapMs: minutes(40), rereadMs: minutes(20), useMs: minutes(1), deadlineMs: minutes(5) }, {
    faults: faults('hook.run', 'error', 0, 60), wishes: [ROTATE], horizonMs: hours(2),
  }),
  // Found at seed 1544841941, run 172: the record of the only promotion was lost, so that nothing told that applications may have read the key.
  change('a rollback knows of a promotion whose record was lost, and that of its restore', { overlapMs: minutes(5) }, {
    outages: [{ of: 'c0/1', from: minutes(10) + 900, ms: seconds(140) }], faults: [...faults('ledger.commit', 'unreachable', 7, 1), ...faults('ledger.commit', 'unreachable', 19, 1)],
  }),
  // Found by the crash points once the judge also asked for the overlap after a repair: a worker that died right after the repair forgot it.
  change('a repair whose record was lost begins the overlap anew', { overlapMs: minutes(5) }, {
    wishes: [ROTATE, { at: minutes(12), does: 'put-back', of: 0, ms: 0 }], crashes: [{ step: { call: 'store.promote.answer', nth: 2 }, side: 'after', does: 'kill', ms: seconds(2) }],
  }),
  // Found at seed 20261124, run 787: the inventory had read the open rotations before, and the keys after, a lost create was adopted.
  { name: 'a key that is adopted while an inventory runs is no orphan', scenario: {
    ...BASE, seed: 25, runtime: 'embedded', paces: [0.8, 0.8, 0.8], horizonMs: hours(2), issuer: { ...BASE.issuer, lastUse: false, declaredLagMs: 0 },
    credentials: [minutes(2), minutes(2), minutes(7)].map((useMs) => ({ ...PLAIN, useMs })), wishes: [{ at: 4_539_516, does: 'flush', of: 0, ms: 0 }],
    crashes: [{ step: { call: 'store.read.answer', nth: 13 }, side: 'before', does: 'kill', ms: 5_550_267 }, { step: { call: 'ledger.lease', nth: 11 }, side: 'before', does: 'kill', ms: 136_960 }, { step: { call: 'ledger.lease', nth: 15 }, side: 'before', does: 'kill', ms: 145_584 }],
  } },
  // Found at seed 20261125, run 775: a promotion showed after the new key was condemned; putting the old one back did not begin the overlap anew.
  change('a promotion that shows long after its rotation turned back begins the overlap anew', { deadlineMs: seconds(4), overlapMs: minutes(5) }, { faults: faults('store.promote', 'lands-late', 0, 1, seconds(200)) }),
  // Found at seed 20261124, run 4905: a sweep that slept for an hour asked for a rotation of a key that had been replaced meanwhile.
  { name: 'a rotation that was asked for from memory replaces the current key, not the one of then', scenario: {
    ...BASE, seed: 1_364_204_549, workers: 2, paces: [0.8, 0.8, 0.8], horizonMs: hours(2), issuer: { ...BASE.issuer, limit: 7, lastUse: false, declaredLagMs: 0 },
    credentials: [
      { ...PLAIN, begins: 'people', overlapMs: minutes(40), places: ['labels', 'labels', 'labels'], rereadMs: minutes(20) },
      { ...PLAIN, begins: 'people', overlapMs: minutes(40), places: ['labels'], rereadMs: minutes(20) },
      { ...PLAIN, begins: 'people', places: ['labels'], useMs: minutes(7) },
    ],
    wishes: [], crashes: [{ step: { call: 'ledger.requestDue', nth: 0 }, side: 'before', does: 'freeze', ms: 3_319_327 }], stale: [{ nth: 0, ms: 1_842 }], weather: { calls: 'store', percent: 20 },
  } },
];
