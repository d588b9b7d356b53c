/** What a person can do about a rotation that waits for one: sentences with the exact commands, the most useful first. */
import { whyNoAbort } from './abort.ts';
import type { Problem } from './evidence.ts';
import type { Notes } from './facts.ts';
import type { CredentialPlan } from './plan.ts';
import { isTerminal, type KeyState, type Path, type RotationState } from './vocabulary.ts';

export interface TodoSubject {
  readonly id: string;
  readonly credential: string;
  readonly path: Path;
  readonly state: RotationState;
  readonly reason: string;
  readonly oldKey: { readonly state: KeyState } | null;
  readonly notes: Notes;
  readonly plan: CredentialPlan;
  readonly inStateMs: number;
}

type Advice = (s: TodoSubject) => readonly string[];

const ISSUER: Advice = () => ['Check that the issuer answers and what the admin key may do: `keyturn doctor`.'];
const STORES: Advice = () => ['Mend the store that is named; `keyturn doctor` says what is wrong with it.'];
const REVOKE: Advice = (s) => [...ISSUER(s), 'If the issuer goes on refusing, revoke the key there by hand: Keyturn notices that it is gone.'];
const USERS: Advice = (s) => [
  `Find out who still uses the old key (\`keyturn keys --credential ${s.credential}\` shows its last use) and have it read the new one.`,
  'Or set `maxAge` in the policy, which ends the wait however the old key is used; it holds for later rotations.',
];

/** Reasons that only people can end. */
const HELD: Readonly<Record<string, Advice>> = {
  new_key_overlap: () => ['Find out why it turned back, while both keys live; it ends by itself when the overlap is over.'],
  held_conflict: () => ['Find out who else writes to that place, and stop it.', 'Take the foreign value out of it, or restore the version before: Keyturn then publishes the new key by itself.'],
  held_late: STORES,
  held_red: () => ['Look at the application that is red: did it read the new key, and may it do what it tries?'],
  store_failed: STORES, record_failing_urgent: STORES,
  held_unminted: ISSUER,
  held_unproved: (s) => [...ISSUER(s), 'Compare the declared scopes and the environment with what the issuer gives.'],
  evidence_missing: STORES,
  drain_stuck: USERS,
};

/** Reasons that end by themselves, and are for people once they have lasted for `deadlines.stuck`. */
const LASTING: Readonly<Record<string, Advice>> = {
  busy: USERS, quiet_unproved: (s) => [...ISSUER(s), ...USERS(s)],
  debt_open: REVOKE, new_unpaid: REVOKE, orphan_unpaid: REVOKE, revoke: REVOKE, revoke_new: REVOKE,
  unanswerable: ISSUER, issuer_busy: ISSUER, unseen: ISSUER, proving: ISSUER,
  discard_failing: STORES, discard_unreadable: STORES, restore_failing: STORES, restore_unproved: STORES, repair_failing: STORES,
  store_failing: STORES, stores_failing: STORES, record_failing: STORES, store_unreadable: STORES, reading_back: STORES, abort_unproved: (s) => [...STORES(s), ...ISSUER(s)],
  hook_failing: () => ['Mend the reload hook; `keyturn doctor` tries it.'],
};

/** For problems of preflight that name no remedy of their own. */
const PROBLEMS: Readonly<Record<string, Advice>> = {
  issuer_problem: ISSUER, issuer_unavailable: ISSUER, not_listed: ISSUER, current_key_fails: ISSUER, refused: ISSUER,
  store_problem: STORES, store_unreadable: STORES, debt_open: REVOKE,
};
/** Waits that are meant to last, whatever their length. */
const PATIENT = ['paused', 'window_closed', 'overlap', 'settling', 'paced', 'slot_reserved'];
const FAILED_OFTEN = 5;

/** Empty while nobody is needed. */
export function todoOf(s: TodoSubject): readonly string[] {
  const advice = adviceFor(s);
  return advice === null ? [] : [...new Set([...advice(s), ...asks(s)])];
}

/** Null while nobody is needed. */
function adviceFor(s: TodoSubject): Advice | null {
  if (isTerminal(s.state)) return null;
  const often = (s.notes.trouble?.count ?? 0) >= FAILED_OFTEN;
  if (s.reason === 'error') return often ? () => ['See the error in the worker\'s log, and `keyturn doctor`.'] : null;
  if (s.state === 'blocked') return (one) => (one.notes.problems ?? []).flatMap((problem) => remedy(problem, one));
  const held = HELD[s.reason];
  if (held !== undefined) return held;
  if (!standsStill(s)) return null;
  return LASTING[s.reason] ?? (() => ['See what it meets in the worker\'s log, and `keyturn doctor`.']);
}

/** Longer in its state than its policy lets it be; what is meant to last does not count. */
export function standsStill({ state, reason, inStateMs, plan: { policy } }: Pick<TodoSubject, 'state' | 'reason' | 'inStateMs' | 'plan'>): boolean {
  if (isTerminal(state) || PATIENT.includes(reason)) return false;
  return inStateMs >= policy.deadlines.stuckMs + (state === 'draining' ? policy.overlapMs : 0);
}

function remedy({ code, todo }: Problem, s: TodoSubject): readonly string[] {
  return todo === '' ? (PROBLEMS[code]?.(s) ?? []) : [todo];
}

function asks(s: TodoSubject): readonly string[] {
  // Short enough for one line of 80 columns, to be copied.
  const resume = `Look again now: \`keyturn rotations resume ${s.id}\`.`;
  return whyNoAbort(s) === null ? [resume, `Give it up: \`keyturn rotations abort ${s.id}\`.`] : [resume];
}
