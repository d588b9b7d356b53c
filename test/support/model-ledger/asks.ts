import { whyNoAbort } from '../../../src/core/abort.ts';
import { isTerminal, type Actor } from '../../../src/core/vocabulary.ts';
import type { AbortOutcome } from '../../../src/ports/ledger.ts';
import { toRotation } from './rows.ts';
import type { State } from './state.ts';
import type { RotationRow } from './tables.ts';
import { recordRemark } from './transitions.ts';

/** What people ask of a rotation that some worker may hold right now. */
export function askMethods(state: State) {
  return {
    askAbort: (id: string, actor: Actor): AbortOutcome | null => {
      const row = state.rotations.get(id);
      if (row === undefined) return null;
      const rotation = toRotation(row);
      if (isTerminal(row.state)) return { outcome: 'ended', rotation };
      if (row.abortAsked !== null || row.state === 'aborting' || row.state === 'rolling_back') return { outcome: 'already', rotation };
      const oldKey = row.oldKeyId === null ? null : (state.keys.get(row.oldKeyId) ?? null);
      const why = whyNoAbort({ path: row.path, state: row.state, oldKey });
      if (why !== null) return { outcome: 'refused', rotation, why };
      return { outcome: 'asked', rotation: toRotation(write(state, { ...row, abortAsked: actor }, 'abort', actor)) };
    },
    askResume: (id: string, actor: Actor) => {
      const row = state.rotations.get(id);
      if (row === undefined) return null;
      if (isTerminal(row.state)) return { outcome: 'ended' as const, rotation: toRotation(row) };
      for (const debt of state.by.openDebts.of('open')) {
        if (debt.credential === row.credential && debt.attempts > 0 && debt.nextTryAt > state.now()) state.debts.put({ ...debt, nextTryAt: state.now() });
      }
      return { outcome: 'asked' as const, rotation: toRotation(write(state, { ...row, resumeAsked: actor }, 'resume', actor)) };
    },
  };
}

const WORDS = { abort: 'be given up', resume: 'try again now' } as const;

function write(state: State, asked: RotationRow, what: 'abort' | 'resume', actor: Actor): RotationRow {
  const row = state.rotations.put({ ...asked, wakeAt: state.now() });
  const message = `${actor.who} asked that it ${WORDS[what]}${actor.why === '' ? '' : `: ${actor.why}`}.`;
  recordRemark(state, row, { reason: `asked_${what}`, message, by: { worker: actor.who, actor } });
  return row;
}
