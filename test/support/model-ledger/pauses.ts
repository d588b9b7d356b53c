import type { Actor } from '../../../src/core/vocabulary.ts';
import type { Pause } from '../../../src/ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { frozenCopy } from './json.ts';
import { inOrder, toPause } from './rows.ts';
import { words, type State } from './state.ts';

export function pauseMethods(state: State) {
  return {
    setPause: ({ scope, name, actor }: Omit<Pause, 'since'>) => {
      const since = state.pauses.get(words(scope, name ?? ''))?.since ?? state.now();
      state.pauses.put({ scope, name: name === '' ? null : name, actor: frozenCopy(actor), since });
      appendAudit(state, { type: 'pause.set', actor, ...subject(scope, name) });
    },
    clearPause: (scope: Pause['scope'], name: string | null, actor: Actor) => {
      if (!state.pauses.delete(words(scope, name ?? ''))) return false;
      appendAudit(state, { type: 'pause.cleared', actor, ...subject(scope, name) });
      return true;
    },
    pauses: () => inOrder(state.pauses.all(), (row) => row.since, (row) => words(row.scope, row.name ?? '')).map(toPause),
  };
}

function subject(scope: string, name: string | null) {
  return { credential: scope === 'credential' ? name : null, rotationId: null, keyId: null, detail: { scope, name } };
}
