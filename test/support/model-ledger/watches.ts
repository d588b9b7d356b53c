import type { NameWatch, NewDebt, NewWatch } from '../../../src/ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { insertDebt, lookedAfter } from './debts.ts';
import { inOrder, toWatch } from './rows.ts';
import { words, type State } from './state.ts';
import type { WatchRow } from './tables.ts';

const MAX_WATCHES = 10_000;

export function watchMethods(state: State) {
  return {
    watches: (issuer?: string) => {
      const open = state.watches.all().filter((row) => row.until > state.now() && (issuer === undefined || row.issuer === issuer));
      return inOrder(open, (row) => row.until, keyOf).slice(0, MAX_WATCHES).map(toWatch);
    },
    watchFound: (watch: NameWatch, found: readonly NewDebt[]) => watchFound(state, watch, found),
    dropExpiredWatches: () => {
      const expired = state.watches.all().filter((row) => row.until <= state.now());
      for (const row of expired) state.watches.delete(keyOf(row));
      return expired.length;
    },
  };
}

function keyOf({ issuer, name }: WatchRow): string {
  return words(issuer, name);
}

/** Watching a name that is watched already only prolongs it. */
export function insertWatch(state: State, watch: NewWatch): void {
  const { issuer, name, credential, rotationId } = watch;
  const until = state.now() + watch.forMs;
  const before = state.watches.get(words(issuer, name));
  state.watches.put({ ...(before ?? { issuer, name, credential, rotationId }), until });
}

function watchFound(state: State, watch: NameWatch, found: readonly NewDebt[]): readonly string[] {
  const actor = { who: 'watch', why: `a key appeared late under the name ${watch.name}` };
  const orphans: string[] = [];
  for (const key of found) {
    if (lookedAfter(state, key) || insertDebt(state, key, actor, true) === null) continue;
    orphans.push(key.issuerKeyId);
    const detail = { name: watch.name, issuer: key.issuer, issuerKeyId: key.issuerKeyId };
    appendAudit(state, { type: 'key.orphan-found', actor, credential: key.credential, rotationId: watch.rotationId, keyId: null, detail });
  }
  return orphans;
}
