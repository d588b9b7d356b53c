import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, rowFor } from '../../src/core/decide.ts';
import { whyNoAbort } from '../../src/core/abort.ts';
import { isLiving } from '../../src/core/revocation.ts';
import { TRANSITIONS } from '../../src/core/transitions/index.ts';
import { readyPlaces } from '../../src/core/transitions/row.ts';
import { PATHS, TERMINAL_STATES, type RotationState } from '../../src/core/vocabulary.ts';
import { anyFacts, OPEN_STATES } from './facts-arbitrary.ts';

const RUNS = { numRuns: 5_000 };

describe('the transition table', () => {
  test('decides every case: whatever the facts, one row fits', () => {
    fc.assert(fc.property(anyFacts, (facts) => decide(facts).reason.length > 0), RUNS);
  });

  test('every row decides some case: none is shadowed by those above it', () => {
    const reached = new Set<unknown>();
    for (const facts of fc.sample(anyFacts, { numRuns: 30_000, seed: 7 })) {
      for (const state of OPEN_STATES) reached.add(rowFor({ ...facts, rotation: { ...facts.rotation, state } }));
    }
    const shadowed = TRANSITIONS.filter((row) => !reached.has(row)).map((row) => `${row.from}/${row.reason}`);
    expect(shadowed).toEqual([]);
  });

  test('names every reason once a state', () => {
    const names = TRANSITIONS.map((row) => `${row.from}/${row.reason}`);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test('leads from every open state to a terminal one, on every path', () => {
    for (const path of PATHS) {
      const edges = TRANSITIONS.filter((row) => row.paths === undefined || row.paths.includes(path));
      for (const state of OPEN_STATES) expect(reaches(edges, state), `${state} on ${path}`).toBe(true);
    }
  });

  test('no row leaves a terminal state', () => {
    expect(TRANSITIONS.filter((row) => (TERMINAL_STATES as readonly string[]).includes(row.from))).toEqual([]);
  });
});

function reaches(edges: typeof TRANSITIONS, from: RotationState): boolean {
  const seen = new Set<RotationState>([from]);
  for (const state of seen) {
    if ((TERMINAL_STATES as readonly RotationState[]).includes(state)) return true;
    for (const row of edges) if (row.from === state && 'go' in row.does) seen.add(row.does.go);
  }
  return false;
}

describe('what decide never does, whatever the facts', () => {
  test('mints again while an attempt is out', () => {
    never((d) => d.kind === 'effect' && d.effect === 'mint', (f) => f.notes.attempt?.sentAt != null);
  });

  test('mints while a debt of its own is open; an emergency only while one can be paid that nobody has tried', () => {
    never((d) => d.kind === 'effect' && d.effect === 'mint', (f) => (f.rotation.path === 'emergency' ? f.debts.untried > 0 : f.debts.open > 0));
  });

  test('waits with an emergency for the orphan of a lost attempt', () => {
    never((d) => ['pay_orphan', 'orphan_unpaid'].includes(d.reason), (f) => f.rotation.path === 'emergency' && f.debts.untried === 0);
  });

  test('creates anything while preflight has a problem', () => {
    never((d) => d.kind === 'go' && d.to === 'creating', (f) => ['preflight', 'blocked'].includes(f.rotation.state) && (f.preflight?.problems.length ?? 0) > 0);
  });

  test('promotes a key that did not pass every check, or is not as declared', () => {
    never(
      (d) => d.kind === 'go' && d.to === 'verified',
      (f) => f.staged === undefined || f.staged.slot !== 'match' || f.staged.mismatch !== null || f.staged.unlisted || f.staged.checks.some((c) => !c.ok),
    );
  });

  test('condemns a displaced key while a store does not serve the new one, the overlap lasts, or it is in use (unless past its maximum age)', () => {
    never(
      (d) => d.condemn === 'old',
      (f) =>
        f.rotation.state === 'draining' &&
        ((f.drain?.overlapLeftMs ?? 0) > 0 ||
          (f.places ?? []).some((p) => p.serving !== 'new') ||
          (['busy', 'unproved'].includes(f.drain?.quiet ?? '') && f.drain?.pastMaxAge !== true)),
    );
  });

  test('rolls back to a key that is dead, or on a path that has no way back', () => {
    never((d) => d.kind === 'go' && d.to === 'rolling_back', (f) => f.oldKey === null || f.oldKeyAlive === false || f.rotation.path !== 'displace');
  });

  test('condemns a new key that a store serves or may serve', () => {
    never((d) => d.condemn === 'new', (f) => f.rotation.state === 'rolling_back' && (f.places ?? []).some((p) => p.serving === 'new' || p.serving === 'unreadable'));
  });

  test('calls a rotation done while a debt of it is open', () => {
    never((d) => d.kind === 'go' && ['done', 'aborted', 'rolled_back'].includes(d.to), (f) => f.debts.open > 0 && ['revoking', 'aborting', 'rolling_back'].includes(f.rotation.state));
  });

  test('gives up, on a person\'s word, what has no way back or what nobody asked for', () => {
    never((d) => GIVES_UP.includes(d.reason), (f) => f.rotation.abortAsked === null || whyNoAbort({ ...f.rotation, oldKey: f.oldKey }) !== null);
  });

  test('condemns the new key, or calls it aborted, while stores may serve it', () => {
    for (const state of SERVING) always(state, (d) => d.condemn !== 'new' && !(d.kind === 'go' && ['aborting', 'aborted'].includes(d.to)));
  });

  test('goes on as if nobody had asked: an abort is carried out, refused, or waits for proof that the way back is open', () => {
    const answers = ['requested', 'preflight', 'blocked', 'staged', 'verified', 'draining', 'revoking', 'reporting'] as const;
    for (const state of answers) always(state, (d) => d.reason.startsWith('abort'), (f) => ({ ...asking(f), rotation: { ...asking(f).rotation, path: 'displace' } }));
    for (const state of ['promoting', 'confirmed'] as const) {
      always(state, (d) => d.reason.startsWith('abort') || (d.kind === 'go' && d.to === 'rolling_back'), (f) => ({ ...asking(f), oldValue: f.oldValue ?? 'held' }), (f) => f.oldValue !== 'unknown');
    }
  });

  test('mints for a rotation that a person wants to give up, unless that was refused', () => {
    always('creating', (d) => d.kind !== 'effect' || d.effect !== 'mint', asking);
  });

  test('turns back from draining without proof that the old key lives and that a store still holds its value', () => {
    always('draining', (d, f) => !(d.kind === 'go' && d.to === 'rolling_back') || (f.oldKeyAlive === true && f.oldValue === 'held' && f.rotation.abortAsked !== null));
    always('draining', (d) => d.condemn !== 'old', (f) => ({ ...asking(f), oldKeyAlive: true, oldValue: 'held', rotation: { ...asking(f).rotation, path: 'displace' } }));
  });

  test('holds an emergency back for a pause, a window or a preflight', () => {
    fc.assert(
      fc.property(anyFacts, (f) => {
        const emergency = { ...f, rotation: { ...f.rotation, path: 'emergency' as const, state: 'requested' as const } };
        const decision = decide(emergency);
        return decision.kind === 'go' && decision.to === 'revoking' && decision.condemn === 'asked';
      }),
      RUNS,
    );
  });
});

const urgent = (f: Facts): Facts => ({ ...f, rotation: { ...f.rotation, path: 'emergency' } });
const mints = (d: ReturnType<typeof decide>): boolean => d.kind === 'go' && d.to === 'creating';

describe('an emergency, whatever the facts', () => {
  test('waits for no store that fails while another can be written', () => {
    always('promoting', (d) => d.kind !== 'wait', urgent, (f) => f.rotation.abortAsked === null && readyPlaces(f).length > 0);
  });

  test('creates nothing that nobody wants, and nothing while a key that was not named lives', () => {
    for (const state of ['revoking', 'promoting'] as const) always(state, (d) => !mints(d), urgent, (f) => f.notes.revocation?.replace === false);
    always('revoking', (d) => !mints(d), urgent, (f) => f.newKey !== null && isLiving(f.newKey));
  });

  test('never waits longer for its own debt than until it may be tried', () => {
    always('revoking', (d, f) => d.kind !== 'wait' || d.ms <= Math.max(250, f.debts.nextTryMs), urgent);
  });
});

const SERVING = ['promoting', 'confirmed', 'draining'] as const;
const GIVES_UP = ['abort', 'abort_tried', 'abort_unminted', 'abort_found', 'abort_unseen'];

type Facts = Parameters<typeof decide>[0];

const asking = (f: Facts): Facts => ({ ...f, rotation: { ...f.rotation, abortAsked: { who: 'cli:alice@host', why: 'wrong scopes' } } });

/** Holds for whatever facts in one state, as `shaped` makes them. */
function always(state: RotationState, holds: (decision: ReturnType<typeof decide>, facts: Facts) => boolean, shaped: (f: Facts) => Facts = (f) => f, where: (f: Facts) => boolean = () => true): void {
  const facts = anyFacts.map((f) => shaped({ ...f, rotation: { ...f.rotation, state } })).filter(where);
  fc.assert(fc.property(facts, (f) => holds(decide(f), f)), { numRuns: 2_000 });
}

function never(what: (decision: ReturnType<typeof decide>) => boolean, when: (facts: Facts) => boolean): void {
  fc.assert(fc.property(anyFacts.filter(when), (facts) => !what(decide(facts))), { numRuns: 2_000 });
}
