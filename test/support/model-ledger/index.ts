/**
 * The ledger in memory: a verified fake for simulations under a virtual clock. What test/ledger says of the SQL ledger
 * holds for it too, and test/ledger/model.test.ts drives both with the same operations. It differs in four things: its texts
 * are not scrubbed of secrets, its clock stands still within a call, where SQL leaves the order of equals open it takes
 * that of their making, and `close` leaves it open, for all workers of a simulation share it.
 */
import { deriveKey, Secret } from '../../../src/core/secret.ts';
import { GENESIS, chainHead } from '../../../src/ledger/chain.ts';
import type { LeakLedger } from '../../../src/ports/leak-ledger.ts';
import type { CommitOutcome, Ledger } from '../../../src/ports/ledger.ts';
import { askMethods } from './asks.ts';
import { auditMethods } from './audit.ts';
import { Refused } from './commit.ts';
import { credentialMethods } from './credentials.ts';
import { debtMethods } from './debts.ts';
import { dueMethods } from './due.ts';
import { daily, figures } from './figures.ts';
import { idMaker } from './ids.ts';
import { keyMethods } from './keys.ts';
import { leakMethods } from './leaks.ts';
import { outboxMethods } from './outbox.ts';
import { pauseMethods } from './pauses.ts';
import { rotationMethods } from './rotations.ts';
import { sealMethods } from './seal.ts';
import { sharedTimeMethods } from './shared-time.ts';
import { makeState, type State } from './state.ts';
import { NO_LEASE } from './tables.ts';
import type { Journal } from './table.ts';
import { watchMethods } from './watches.ts';

export interface ModelLedgerOptions {
  /** The ledger's clock, epoch milliseconds. Read several times a call, and must not move within one. */
  readonly now: () => number;
  /** Six characters of a-z and 2-7; without it drawn by `random`, or always the same. */
  readonly installation?: string;
  readonly rootKey?: Secret;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

export interface ModelLedger {
  /** All workers use this one; `close` does nothing. */
  readonly ledger: Ledger;
  readonly leaks: LeakLedger;
  /** The rows themselves, to be read: they are replaced when they change, so whatever was read stays as it was. */
  readonly state: ModelState;
  /** What opening an embedded ledger does: whoever leased anything is dead. */
  readonly freeLeases: () => void;
  /** What somebody could do who has the database's password, but not the root key. */
  readonly tamper: (forge: (tables: Tamperable) => void) => void;
}

type Name = 'credentials' | 'keys' | 'rotations' | 'transitions' | 'locks' | 'slots' | 'debts' | 'watches' | 'pauses' | 'audit' | 'deliveries' | 'leaks';
export type ModelState = { readonly [Table in Name]: Pick<State[Table], 'get' | 'all' | 'size'> };
export type Tamperable = Pick<State, 'audit' | 'head' | 'deliveries'>;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const SAME_INSTALLATION = 'modela';
const SAME_ROOT_KEY = new Secret('root-key-of-the-model-ledger-0123456789');

/** A ledger in memory, empty. Every call is one transaction, done before its promise is handed out; nothing waits for a timer. */
export function createModelLedger(options: ModelLedgerOptions): ModelLedger {
  const key = deriveKey(options.rootKey ?? SAME_ROOT_KEY, 'audit');
  const state = makeState(options.now, idMaker(options.now), chainHead(key, 0, GENESIS));
  const installation = options.installation ?? drawn(options.random);
  return {
    ledger: composed(state, key, installation),
    leaks: transactions(state.journal, leakMethods(state)),
    state,
    freeLeases: () => freeLeases(state),
    tamper: (forge) => tamper(state, forge),
  };
}

function drawn(random: (() => number) | undefined): string {
  if (random === undefined) return SAME_INSTALLATION;
  return Array.from(SAME_INSTALLATION, () => BASE32[Math.floor(random() * BASE32.length)]).join('');
}

/** There is no server to reach, no disk to sync and nothing to close. */
function nothing(): void {}

function composed(state: State, key: Buffer, installation: string): Ledger {
  const { commit, ...rotations } = rotationMethods(state);
  return {
    kind: 'postgres',
    ...transactions(state.journal, {
      ...credentialMethods(state),
      ...dueMethods(state),
      ...keyMethods(state),
      ...rotations,
      ...askMethods(state),
      ...debtMethods(state),
      ...watchMethods(state),
      ...pauseMethods(state),
      ...auditMethods(state),
      ...sealMethods(state, key),
      ...outboxMethods(state),
      ...sharedTimeMethods(state),
      now: () => new Date(state.now()),
      installation: () => installation,
      figures: () => figures(state),
      daily: (spanMs: number) => daily(state, spanMs),
      ping: nothing,
      sync: nothing,
      close: nothing,
    }),
    commit: async (...asked): Promise<CommitOutcome> => {
      try {
        const lease = state.journal.run(() => commit(...asked));
        return { outcome: 'ok', rotation: lease.rotation, lease };
      } catch (error) {
        if (error instanceof Refused) return error.refusal;
        throw error;
      }
    },
  };
}

type Methods = Readonly<Record<string, (...given: never[]) => unknown>>;
type Async<M extends Methods> = { readonly [Name in keyof M]: (...given: Parameters<M[Name]>) => Promise<ReturnType<M[Name]>> };

/** Each method as one transaction; what it throws becomes a rejection. */
function transactions<M extends Methods>(journal: Journal, methods: M): Async<M> {
  const wrapped = Object.entries(methods).map(([name, method]) => [name, async (...given: never[]) => journal.run(() => method(...given))]);
  return Object.fromEntries(wrapped) as Async<M>;
}

function freeLeases({ journal, rotations, debts, deliveries, leaks }: State): void {
  journal.run(() => {
    // Rotations keep the name of who held them, so that the next lease is known to be taken over.
    for (const row of rotations.all()) rotations.put({ ...row, leaseUntil: null });
    for (const row of debts.all()) debts.put({ ...row, ...NO_LEASE });
    for (const row of deliveries.all()) deliveries.put({ ...row, ...NO_LEASE });
    for (const row of leaks.all()) leaks.put({ ...row, ...NO_LEASE });
  });
}

function tamper(state: State, forge: (tables: Tamperable) => void): void {
  state.journal.run(() => forge(state));
  state.counts.lastPos = state.audit.all().reduce((last, { pos }) => Math.max(last, pos ?? 0), 0);
}
