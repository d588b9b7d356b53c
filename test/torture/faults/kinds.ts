/** The ways in which a call can go wrong, as data. */
export interface Fault {
  /** Whether what was asked for happens, and when. */
  readonly lands: 'never' | 'now' | 'late';
  /** What the caller hears: the outcome, nothing until its own time is over, or an error. */
  readonly hears: 'outcome' | 'outcome-late' | 'silence' | 'busy' | 'error' | 'bad-answer' | 'unreachable';
}

export const FAULTS = {
  'request-lost': { lands: 'never', hears: 'silence' },
  'answer-lost': { lands: 'now', hears: 'silence' },
  'lands-late': { lands: 'late', hears: 'silence' },
  slow: { lands: 'now', hears: 'outcome-late' },
  busy: { lands: 'never', hears: 'busy' },
  error: { lands: 'never', hears: 'error' },
  'error-after': { lands: 'now', hears: 'error' },
  html: { lands: 'never', hears: 'bad-answer' },
  'half-body': { lands: 'now', hears: 'bad-answer' },
  unreachable: { lands: 'never', hears: 'unreachable' },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

/** One fault: at the nth call of this name, or in all calls of it within a time. */
export interface FaultSpec {
  /** As steps are named: `issuer.create`, `store.promote`, `ledger.commit`. */
  readonly call: string;
  readonly nth: number;
  readonly kind: FaultKind;
  /** How late, where it is late; how long the other side asks to wait, where it is busy (0: it does not say). Milliseconds. */
  readonly ms: number;
}

/** A request in flight lands within the longest effect, or, where its name is watched for it, within hours. */
const LATEST_MS: Readonly<Record<string, number>> = { 'issuer.create': 6 * 3_600_000, 'issuer.revoke': 3_600_000 };
const LATEST_ELSEWHERE_MS = 50_000;

/** `part` from 0 to 1: most are a little late, few as late as can be. Milliseconds. */
export function lateness(call: string, part: number): number {
  return Math.round(part * part * (LATEST_MS[call] ?? LATEST_ELSEWHERE_MS));
}

export interface Outage {
  /** `issuer`, `ledger`, `queue`, or the id of a place. */
  readonly of: string;
  /** Milliseconds from the start of the run. */
  readonly from: number;
  readonly ms: number;
}
