import { whyNoAbort } from '../abort.ts';
import { minutes, seconds } from '../duration.ts';
import type { Facts, NamedResult, PlaceFact, Serving } from '../facts.ts';
import type { Path, RotationState, Severity } from '../vocabulary.ts';

/** What the engine does in the outside world: one effect a step, then facts are gathered again. */
export const EFFECTS = ['mint', 'discard_staged', 'promote', 'restore', 'hooks_promoted', 'hooks_meanwhile', 'hooks_rolled_back', 'pay_debts', 'tidy'] as const;
export type Effect = (typeof EFFECTS)[number];

/** What changes in the ledger alone, without leaving the state. */
export const LEDGER_WRITES = ['retry_attempt', 'next_attempt', 'adopt_minted', 'condemn_new', 'forget_old', 'note_drift', 'note_repaired', 'note_restored', 'drop_abort', 'tell'] as const;
export type LedgerWrite = (typeof LEDGER_WRITES)[number];

export type Does =
  | { readonly go: RotationState }
  | { readonly effect: Effect }
  | { readonly write: LedgerWrite }
  /** How long at most, milliseconds; anything that happens earlier wakes the rotation too. */
  | { readonly wait: (facts: Facts) => number };

export interface Row {
  readonly from: RotationState;
  /** All paths when absent. */
  readonly paths?: readonly Path[];
  /** A code, unique within the state; shown in history, logs, alerts, docs. */
  readonly reason: string;
  /** For people reading the table; the diagram's edge label. */
  readonly title: string;
  readonly when: (facts: Facts) => boolean;
  readonly does: Does;
  /** One sentence for the history. */
  readonly message: (facts: Facts) => string;
  /** Keys that become revocation debts in the same write. */
  readonly condemn?: 'old' | 'new' | 'found' | 'asked';
  /** People are told once per reason, by a notice of this severity. */
  readonly tell?: Severity;
}

export const always = (): boolean => true;

/** Doubles from one second to `capMs` with each failure, or each wait for the same reason. */
export const backoff = (capMs: number) => (f: Facts): number => {
  const times = Math.max(f.notes.trouble?.count ?? 0, f.notes.waited?.times ?? 0);
  return Math.min(capMs, seconds(0.5) * 2 ** Math.min(20, times));
};

export const trouble = (f: Facts): string => f.notes.trouble?.last ?? '';
export const failedBefore = (f: Facts): boolean => (f.notes.trouble?.count ?? 0) > 0;
/** Between a failed effect and its next try. */
export const coolingDown = (f: Facts): boolean => coolDownMs(f) > 0;
export const coolDownMs = (f: Facts): number =>
  f.notes.trouble === undefined ? 0 : Math.max(0, Date.parse(f.notes.trouble.retryAt) - f.now.getTime());

/** Of an emergency: something is to be created in the place of what dies. */
export const replaces = (f: Facts): boolean => f.notes.revocation?.replace !== false;

const placesOf = (f: Facts): readonly PlaceFact[] => f.places ?? [];
export const placeCount = (f: Facts): number => placesOf(f).length;
const BEHIND: readonly Serving[] = ['old', 'ours', 'empty'];
const behindOf = (f: Facts): readonly PlaceFact[] => placesOf(f).filter((p) => BEHIND.includes(p.serving));
const restOf = (f: Facts, { id }: PlaceFact): number => Math.max(0, Date.parse(f.notes.failing?.[id]?.retryAt ?? '') - f.now.getTime() || 0);
/** Places that are behind and may be written now: in an emergency one that fails holds up no other. */
export const readyPlaces = (f: Facts): readonly PlaceFact[] => behindOf(f).filter((p) => restOf(f, p) === 0);
/** Until the first of the places that fail may be tried again. */
export const placesRestMs = (f: Facts): number => (readyPlaces(f).length > 0 ? 0 : Math.min(...behindOf(f).map((p) => restOf(f, p)), minutes(1)));
/** What accepted the key often shows it a moment later. */
const SHOWS_SOON = 4;
const saidBy = (f: Facts, { id, serving, detail }: PlaceFact): string | null => {
  const trouble = f.notes.failing?.[id];
  if (serving === 'unreadable') return detail;
  return !BEHIND.includes(serving) || trouble === undefined || (trouble.accepted === true && trouble.count < SHOWS_SOON) ? null : trouble.last;
};
/** Places that cannot be written or read, and what they said. */
export const failingPlaces = (f: Facts): string =>
  placesOf(f)
    .flatMap((p) => (saidBy(f, p) === null ? [] : [`${p.describe} (${saidBy(f, p)})`]))
    .join('; ');
/** Some place serves the new key whose applications have not been told. */
export const untoldPlaces = (f: Facts): boolean => f.plan.hooks.length > 0 && placesOf(f).filter((p) => p.serving === 'new').length > (f.notes.hooksAt ?? 0);

export const someServe = (f: Facts, ...serving: Serving[]): boolean => placesOf(f).some((p) => serving.includes(p.serving));
export const allServeNew = (f: Facts): boolean => placesOf(f).every((p) => p.serving === 'new');
export const naming = (f: Facts, ...serving: Serving[]): string =>
  placesOf(f)
    .filter((p) => serving.includes(p.serving))
    .map((p) => (p.detail === '' ? p.describe : `${p.describe} (${p.detail})`))
    .join('; ');
/** Every place that does not serve the new key, whatever it does serve. */
export const namingOthers = (f: Facts): string => naming(f, 'old', 'ours', 'empty', 'foreign', 'unreadable');

/** The way back is open while the old key lives: only then may applications be sent back to it. */
export const canGoBack = (f: Facts): boolean => f.rotation.path === 'displace' && f.oldKey !== null && f.oldKeyAlive !== false;

const red = (f: Facts): readonly NamedResult[] => (f.application ?? []).filter((c) => !c.ok);
export const applicationRed = (f: Facts): boolean => red(f).length > 0;
export const describeRed = (f: Facts): string => red(f).map((c) => `${c.name}: ${c.detail}`).join('; ');

export const hooksRun = (f: Facts, hook: 'promoted' | 'rolled_back'): boolean =>
  f.plan.hooks.length === 0 || (f.notes.hooksRun ?? []).includes(hook);

export const told = (f: Facts, reason: string): boolean => (f.notes.told ?? []).includes(reason);
export const payable = (f: Facts): boolean => f.debts.payable > 0;
export const unpaid = (f: Facts): boolean => f.debts.open > 0;
/** Why a debt is still open, to be put behind a sentence. */
export const unpaidBecause = (f: Facts): string => (f.debts.lastError === null ? '' : ` The last try: ${f.debts.lastError}`);
export const newKeyCondemned = (f: Facts): boolean => f.newKey !== null && ['condemned', 'revoked', 'lost'].includes(f.newKey.state);
export const failure = (f: Facts): string => f.notes.failure?.message ?? '';

/** A person asked that it be given up. Rows for that come first in each state: what is asked before a step counts in it. */
export const asked = (f: Facts): boolean => f.rotation.abortAsked !== null;
const noWayBack = (f: Facts): string | null => whyNoAbort({ path: f.rotation.path, state: f.rotation.state, oldKey: f.oldKey });
export const mayAbort = (f: Facts): boolean => noWayBack(f) === null;
export const askedText = (f: Facts): string => {
  const { who, why } = f.rotation.abortAsked ?? { who: '', why: '' };
  return `${who} asked to abort it${why === '' ? '' : `: ${why}`}.`;
};

/** What was asked cannot be: the rotation says so and goes on. `also` is what only the issuer or the stores can tell. */
export const abortRefused = (from: Row['from'], also: (f: Facts) => string | null = () => null): Row => ({
  from, reason: 'abort_refused', title: 'a person asked to abort, no way back', when: (f) => asked(f) && (noWayBack(f) ?? also(f)) !== null,
  does: { write: 'drop_abort' }, message: (f) => `${askedText(f)} It goes on instead. ${noWayBack(f) ?? also(f)}`,
});
