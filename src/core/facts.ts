import type { IssuedKeyFact, Problem } from './evidence.ts';
import type { CredentialPlan } from './plan.ts';
import type { Revocation } from './revocation.ts';
import type { Actor, KeyRecord, Path, RotationKind, RotationState } from './vocabulary.ts';

/**
 * One try at minting a key. Its name is unique, so that a create whose answer was lost can be found again.
 * outcome: null before and while it is sent; `minted` with its value staged; `unstaged` minted but its value could not
 * be staged and is gone; `refused` surely nothing came to exist; `lost` nobody knows yet.
 */
export interface Attempt {
  /** Counts every attempt of this rotation; part of the name, never reused. */
  readonly n: number;
  readonly name: string;
  /** Written before the issuer is called (ISO, ledger time). */
  readonly sentAt: string | null;
  readonly outcome: null | 'minted' | 'unstaged' | 'refused' | 'lost';
  readonly refusal: { readonly code: string; readonly message: string; readonly retryAfterMs: number | null } | null;
}

/** The name under which a rotation's attempt may yet mint a key, or null; for whoever reads the notes as the ledger keeps them. */
export function attemptNameIn({ attempt }: Readonly<Record<string, unknown>>): string | null {
  if (typeof attempt !== 'object' || attempt === null || !('name' in attempt)) return null;
  return typeof attempt.name === 'string' ? attempt.name : null;
}

/** An attempt that was given up; `useless`: its key was minted and staged, and did not pass. */
export interface PastAttempt {
  readonly n: number;
  readonly name: string;
  readonly sentAt: string | null;
  readonly outcome: 'useless' | 'unstaged' | 'refused' | 'lost';
}

/** The engine's memory between steps, kept with the rotation. No secrets. */
export interface Notes {
  readonly attempt?: Attempt;
  /** What an emergency was asked for. */
  readonly revocation?: Revocation;
  /** Of an emergency: the key that the rotation which it ended was bringing to the stores. */
  readonly mayServe?: string;
  /** That rotation may have had a write to a store under way. */
  readonly mayWrite?: boolean;
  /** Until then (ISO) something that was sent may still land, by a former holder of the lease or at a store: debts for the new key wait for it. */
  readonly hazardUntil?: string;
  /** Attempts of which nothing came, or nothing usable. */
  readonly lostAttempts?: number;
  /** Consecutive failures of what this state tries to do; nothing is tried again before `retryAt` (ISO). */
  readonly trouble?: { readonly count: number; readonly last: string; readonly retryAt: string };
  /** The same of each place by its id, in an emergency: one that fails holds up no other. */
  readonly failing?: Readonly<Record<string, PlaceTrouble>>;
  /** Consecutive waits for one reason: the base of back-off where nothing failed but evidence is missing. */
  readonly waited?: { readonly reason: string; readonly times: number };
  /** A place no longer serves the key that all served before, and has not been read back since. Written before the repair. */
  readonly drifted?: boolean;
  /** The locations that it could not lock last: where an emergency waits, it comes next. */
  readonly waitsFor?: readonly string[];
  /** Since when every place serves the old key again after turning back (ISO): the new key lives on for the overlap from then. */
  readonly restoredAt?: string;
  /** When every place served the new key again (ISO): applications may have read the old key until then, and the overlap begins anew. */
  readonly repairedAt?: string;
  /** The last write to a place that was sent: attempt and place. */
  readonly wrote?: string;
  /** Of an emergency: when each place, by its id, was first seen to serve the replacement (Keyturn's id of it), and each application check to be green (ISO). */
  readonly recovering?: { readonly key: string; readonly served: Readonly<Record<string, string>>; readonly healthy: Readonly<Record<string, string>> };
  /** Stores were asked to remove what they keep of dead keys. */
  readonly tidied?: boolean;
  readonly hooksRun?: readonly ('promoted' | 'rolled_back')[];
  /** How many places served the new key when hooks were last run without waiting for those that fail. */
  readonly hooksAt?: number;
  /** Issuer time: use of the old key before `base` is not counted, use up to `watermark` is proved to be seen. */
  readonly quiet?: { readonly base: string; readonly watermark: string };
  /** Places that held nothing when it began. Any other place that is found empty later is not read back, it is missing. */
  readonly emptyBefore?: readonly string[];
  /** Why it turned back; `askedBy` when a person asked for that. */
  readonly failure?: { readonly reason: string; readonly message: string; readonly askedBy?: string };
  /** How often it turned back and then had to go forward again, the old key having died meanwhile. */
  readonly forwardAgain?: number;
  /** Attempts that were given up, oldest first; the last twenty. */
  readonly pastAttempts?: readonly PastAttempt[];
  /** What stands in the way while it is blocked. */
  readonly problems?: readonly Problem[];
  /** Reasons of which people were told already. */
  readonly told?: readonly string[];
  /** What was seen before the old key went, for the audit log and the report. */
  readonly evidence?: Readonly<Record<string, string>>;
}

/** `accepted`: it took the key, and does not show it yet. */
export type PlaceTrouble = NonNullable<Notes['trouble']> & { readonly accepted?: boolean };

/** What a place serves to applications, compared by fingerprint with what the ledger knows. */
export type Serving = 'new' | 'old' | 'ours' | 'empty' | 'foreign' | 'unreadable';

export interface PlaceFact {
  readonly id: string;
  readonly describe: string;
  readonly ofRecord: boolean;
  readonly serving: Serving;
  readonly detail: string;
}

export interface NamedResult {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Everything that `decide` may know. Sections are gathered only in the states that need them. */
export interface Facts {
  readonly rotation: {
    readonly id: string;
    readonly credential: string;
    readonly kind: RotationKind;
    readonly path: Path;
    readonly state: RotationState;
    readonly reason: string;
    /** Who asked that it be given up, until that is carried out or refused. */
    readonly abortAsked: Actor | null;
  };
  readonly plan: CredentialPlan;
  readonly notes: Notes;
  readonly now: Date;
  /** Milliseconds in the present state. */
  readonly inStateMs: number;
  readonly oldKey: KeyRecord | null;
  readonly newKey: KeyRecord | null;
  /** Open debts that this rotation made. */
  readonly debts: {
    readonly open: number;
    readonly payable: number;
    /** Payable, and nobody has tried yet: who tried may have died with it, and holds it up for a while. */
    readonly untried: number;
    readonly oldestMs: number;
    /** Until the next of them may be tried. */
    readonly nextTryMs: number;
    /** Why the last try to pay one failed. */
    readonly lastError: string | null;
  };

  /** Every key of the credential that may be alive: what an emergency condemns. */
  readonly everyKey?: readonly KeyRecord[];
  /** The credential's current key of this moment; gathered before anything is created. */
  readonly currentKeyId?: string | null;
  readonly gate?: { readonly pausedBy: string | null; readonly windowOpensInMs: number | null };
  readonly preflight?: {
    readonly problems: readonly Problem[];
    /** What the issuer says of room for another key. */
    readonly slots: { readonly liveKeys: number; readonly limit: number | null } | null;
    /** Ids of places that hold nothing. */
    readonly empty: readonly string[];
  };
  readonly minted?: {
    /** Live keys listed under the attempt's name; null when the issuer could not be asked. */
    readonly listed: readonly IssuedKeyFact[] | null;
    readonly staged: 'present' | 'absent' | 'unreadable';
    /** Of the value staged under the attempt. */
    readonly fingerprint: string | null;
    /** Until then an empty list proves nothing: issuers are eventually consistent and lost requests land late. */
    readonly lookUntil: Date;
    readonly detail: string;
  };
  readonly staged?: {
    readonly slot: 'match' | 'mismatch' | 'absent' | 'unreadable';
    /** Null: as declared. Otherwise what differs (promise 9). */
    readonly mismatch: string | null;
    /** The key is not listed yet, or the list failed. */
    readonly unlisted: boolean;
    readonly checks: readonly NamedResult[];
    readonly detail: string;
  };
  readonly places?: readonly PlaceFact[];
  /** Asked only where turning back is in question; null when the issuer could not tell. */
  readonly oldKeyAlive?: boolean | null;
  /** Asked only where a person wants to go back: `gone` when every place was read and none holds the old key's value. */
  readonly oldValue?: 'held' | 'gone' | 'unknown';
  /** Of the value that is to be published; `gone` as above. Asked only in an emergency. */
  readonly newValue?: 'held' | 'gone' | 'unknown';
  readonly application?: readonly NamedResult[];
  readonly drain?: {
    readonly overlapLeftMs: number;
    /** `quiet`: proved quiet long enough. `busy`: not yet. `unproved`: the usage source has not shown that it saw enough. `not-asked`: no wait for quiet. */
    readonly quiet: 'quiet' | 'busy' | 'unproved' | 'not-asked';
    readonly quietLeftMs: number;
    readonly pastMaxAge: boolean;
    /** What the usage source showed, to be remembered in the notes. */
    readonly observed: Notes['quiet'] | null;
    readonly detail: string;
  };
}
