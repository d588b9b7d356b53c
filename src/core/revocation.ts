/** What an emergency revocation is asked for, and what becomes of each key of its credential. Pure. */
import type { KeyRecord, KeyState, RotationKind, RotationState } from './vocabulary.ts';

export interface Revocation {
  /** Keyturn's ids of the keys that are to die, or every living key of the credential. */
  readonly keys: 'every' | readonly string[];
  /** False: nothing is created in their place. */
  readonly replace: boolean;
}

type Notes = Readonly<Record<string, unknown>>;

const EVERYTHING: Revocation = { keys: 'every', replace: true };

/** Of a rotation's notes as the ledger keeps them; what says nothing of it means every key, replaced. */
export function revocationOf({ revocation }: { readonly revocation?: unknown }): Revocation {
  return (revocation as Revocation | undefined) ?? EVERYTHING;
}

/** Of the open rotation that a revocation meets. */
export interface Met {
  readonly kind: RotationKind;
  readonly state: RotationState;
  readonly newKeyId: string | null;
  readonly notes: Notes;
}

/** Until then nobody knows what it has condemned, or its revocations are still to be paid. */
const EARLY: readonly RotationState[] = ['requested', 'revoking'];
/** Stores may serve the new key, which the ledger calls staged. */
const MAY_SERVE: readonly RotationState[] = ['promoting', 'confirmed', 'rolling_back'];

/**
 * The notes with which an emergency begins; null where the one that is open stands for it already. One that has hardly
 * begun is not lost to another that asks for less: the new one asks for both, and creates nothing if either was to create
 * nothing. `dying` are those of the keys asked for that are dead, or condemned to die at once; the one that the open emergency
 * brings to the stores is never settled by that.
 */
export function beginning(asked: Notes, open: Met | null, dying: ReadonlySet<string>): Notes | null {
  const revocation = revocationOf(asked);
  if (open?.kind !== 'emergency') return { ...asked, revocation, ...inherited(open) };
  const before = revocationOf(open.notes);
  if (EARLY.includes(open.state)) {
    const both = union(before, revocation);
    return covers(before, both) ? null : { ...asked, revocation: both, ...inherited(open) };
  }
  const nothingLives = open.state === 'reporting' && open.newKeyId === null;
  const allDie = revocation.keys !== 'every' && revocation.keys.every((id) => dying.has(id) && id !== open.newKeyId);
  return nothingLives || allDie ? null : { ...asked, revocation, ...inherited(open) };
}

function inherited(open: Met | null): Notes {
  if (open === null) return {};
  const mayServe = mayServeOf(open);
  return { ...(mayServe === undefined ? {} : { mayServe }), ...(mayWriteOf(open) ? { mayWrite: true } : {}) };
}

/** Its worker may have a write to a store under way, which lands after its end. */
function mayWriteOf({ state, notes }: Met): boolean {
  return MAY_SERVE.includes(state) || state === 'draining' || (EARLY.includes(state) && notes['mayWrite'] === true);
}

/** The staged key that applications may read already if this rotation were ended now. */
export function mayServeOf({ state, newKeyId, notes: { mayServe } }: Omit<Met, 'kind'>): string | undefined {
  if (MAY_SERVE.includes(state)) return newKeyId ?? undefined;
  return typeof mayServe === 'string' && EARLY.includes(state) ? mayServe : undefined;
}

function union(one: Revocation, other: Revocation): Revocation {
  const keys = one.keys === 'every' || other.keys === 'every' ? 'every' : [...new Set([...one.keys, ...other.keys])];
  return { keys, replace: one.replace && other.replace };
}

function covers(one: Revocation, both: Revocation): boolean {
  return one.replace === both.replace && (one.keys === 'every' || (both.keys !== 'every' && both.keys.length === one.keys.length));
}

export interface Fates {
  /** Die at once, whatever serves them. */
  readonly die: readonly KeyRecord[];
  /** Lives, and is what stores are to serve; null where none is left. */
  readonly survivor: KeyRecord | null;
  /** Left of a rotation that was pre-empted: they die too, but only on evidence that nothing serves them. */
  readonly others: readonly KeyRecord[];
}

const LIVING: readonly KeyState[] = ['current', 'staged', 'draining'];

export function isLiving({ state }: Pick<KeyRecord, 'state'>): boolean {
  return LIVING.includes(state);
}

function isDead({ state }: KeyRecord): boolean {
  return state === 'revoked' || state === 'lost';
}

/**
 * What becomes of a credential's keys. `mayServe`: the key that the pre-empted rotation was bringing to the stores. Of those
 * that did not leak the one that applications most likely read goes on: the current one, else that one, else the one that was draining.
 */
export function fatesOf(keys: readonly KeyRecord[], { keys: asked }: Revocation, mayServe: string | undefined): Fates {
  const die = keys.filter((key) => !isDead(key) && (asked === 'every' || asked.includes(key.id)));
  const rest = keys.filter((key) => isLiving(key) && !die.includes(key));
  const survivor = rest.find((key) => key.state === 'current') ?? rest.find((key) => key.id === mayServe) ?? rest.find((key) => key.state === 'draining') ?? null;
  return { die, survivor, others: rest.filter((key) => key !== survivor) };
}
