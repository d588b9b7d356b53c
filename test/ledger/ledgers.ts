/** The ledgers that these suites hold to the same words: SQL on each runtime, and the model that simulations use. */
import type { SqlPool } from '../../src/ledger/index.ts';
import type { LeakLedger } from '../../src/ports/leak-ledger.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import { createModelLedger, type ModelLedger } from '../support/model-ledger/index.ts';
import { ROOT_KEY, RUNTIMES, advanceClock, openRuntime, setClock, type OpenRuntime, type Runtime } from '../support/runtimes.ts';
import { twoWorkers } from './fixtures.ts';

export interface OpenLedger {
  readonly ledger: Ledger;
  readonly leaks: LeakLedger;
  /** Two workers' ledgers: of two pools where the database is shared, of one where there is but one. */
  readonly twoWorkers: () => Promise<{ readonly ledgers: readonly [Ledger, Ledger]; readonly close: () => Promise<void> }>;
  /** Moves the ledger's clock by this many milliseconds. */
  readonly advanceClock: (ms: number) => Promise<void>;
  readonly setClock: (at: Date) => Promise<void>;
  readonly emptyOutbox: () => Promise<void>;
  readonly close: () => Promise<void>;
  /** What lies below, for a suite that looks behind the port. */
  readonly below: { readonly kind: 'sql'; readonly open: OpenRuntime } | { readonly kind: 'model'; readonly model: ModelLedger };
}

export interface LedgerKind {
  readonly name: Runtime['name'] | 'model';
  readonly open: () => Promise<OpenLedger>;
}

export const LEDGERS: readonly LedgerKind[] = [
  ...RUNTIMES.map((runtime): LedgerKind => ({ name: runtime.name, open: () => openSql(runtime) })),
  { name: 'model', open: async () => openModel() },
];

/** For suites that look behind the port. Throws for the model, which has no SQL. */
export function poolBelow({ below }: OpenLedger): SqlPool {
  if (below.kind === 'model') throw new Error('the model has no pool');
  return below.open.pool;
}

async function openSql(runtime: Runtime): Promise<OpenLedger> {
  const open = await openRuntime(runtime);
  return {
    ledger: open.ledger,
    leaks: open.leaks,
    twoWorkers: () => twoWorkers(open),
    advanceClock: (ms) => advanceClock(open.pool, ms),
    setClock: (at) => setClock(open.pool, at),
    emptyOutbox: async () => void (await open.pool.query('delete from keyturn.deliveries')),
    close: open.close,
    below: { kind: 'sql', open },
  };
}

/** Its clock stands still unless a test moves it. */
export function openModel(): OpenLedger {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const model = createModelLedger({ now: () => now, rootKey: ROOT_KEY });
  return {
    ledger: model.ledger,
    leaks: model.leaks,
    twoWorkers: async () => ({ ledgers: [model.ledger, model.ledger], close: async () => undefined }),
    advanceClock: async (ms) => void (now += ms),
    setClock: async (at) => void (now = at.getTime()),
    emptyOutbox: async () => model.tamper(({ deliveries }) => deliveries.all().forEach(({ id }) => deliveries.delete(id))),
    close: () => model.ledger.close(),
    below: { kind: 'model', model },
  };
}
