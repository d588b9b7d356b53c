/**
 * Drills: the emergency path run with a throw-away key. The key belongs to a credential of the ledger's own, `drill:<credential>`,
 * which nothing declares. What a drill does next follows from what the ledger says. Pure.
 */
import { minutes } from './duration.ts';
import type { CredentialPlan, PlaceDefinition, RotationPolicy } from './plan.ts';
import { isTerminal, type RotationState } from './vocabulary.ts';

export const DRILL_STATES = ['running', 'passed', 'failed', 'given_up'] as const;
export type DrillState = (typeof DRILL_STATES)[number];

/** Each is one rotation: a throw-away key is minted and published; it is revoked and replaced; what is left is revoked. */
export const DRILL_STEPS = ['mint', 'leak', 'end'] as const;
export type DrillStep = (typeof DRILL_STEPS)[number];

/** Of a drill that does not pass, with a sentence. `given_up`: nothing is wrong with the path, it could not be tried. */
export interface DrillVerdict {
  readonly state: Extract<DrillState, 'failed' | 'given_up'>;
  readonly why: string;
}

/** How it was seen that the revoked key is dead: a call with it was refused, or the issuer lists it no more. */
export type DrillProof = 'call' | 'list';

/** A drill takes seconds. One that is not over by then has failed, and people are told; what it made is still revoked. */
export const DRILL_LATE_MS = minutes(10);
/** Issuers may be eventually consistent: so long a revoked key may still be taken. */
export const DRILL_REFUSED_WITHIN_MS = minutes(1);

const MARK = 'drill:';

/** No declared credential is called so: their names hold no colon. */
export function drillCredential(credential: string): string {
  return `${MARK}${credential}`;
}

export function isDrill(credential: string): boolean {
  return credential.startsWith(MARK);
}

/** Of the place, with the drill's own file in it. */
const PLACE_ID = 'drill';
const VARIABLE = 'KEYTURN_DRILL_KEY';
/** What proves the key itself; application checks would ask the real application. */
const KEY_CHECK = 'issuer';

/** Issuer, scopes and key checks of the credential, and nothing else of it: one file is the only place, no hook runs, and the engine tells nobody, since the drill does. */
export function drillPlan(plan: CredentialPlan, path: string): CredentialPlan {
  const { credential, issuer, pacing, knownKeys, keyName, scopes, space, environment, policy, checks } = plan;
  const place: PlaceDefinition = { id: PLACE_ID, ofRecord: true, store: { name: PLACE_ID, type: 'env-file', options: { createIfMissing: true } }, place: { path, variable: VARIABLE, backupVariable: null } };
  return {
    credential: drillCredential(credential), owner: null, labels: {}, issuer, pacing, knownKeys, keyName: `drill-${keyName}`, scopes, space, environment, adopt: null,
    policy: drillPolicy(policy), places: [place], checks: checks.filter(({ type }) => type === KEY_CHECK), hooks: [], channels: { info: [], warning: [], critical: [] },
  };
}

function drillPolicy({ timezone, deadlines }: RotationPolicy): RotationPolicy {
  return { name: 'drill', cron: null, timezone, everyMs: null, window: null, overlapMs: 0, quietMs: 0, maxAgeMs: null, jitterMs: 0, strategy: 'displace', allowDowntime: false, deadlines };
}

/** The file that a drill's plan publishes to. */
export function drillFile({ places }: Pick<CredentialPlan, 'places'>): string {
  const path = places[0]?.place['path'];
  if (typeof path !== 'string') throw new Error('a drill publishes to a file');
  return path;
}

export interface DrillRotation {
  readonly state: RotationState;
  readonly message: string;
  /** Codes of what stands in its way while it is blocked. */
  readonly problems: readonly string[];
  readonly finishedAt: Date | null;
}

export interface DrillFacts {
  readonly now: Date;
  readonly startedAt: Date;
  readonly verdict: DrillVerdict | null;
  readonly refusedBy: DrillProof | null;
  readonly rotations: Readonly<Record<DrillStep, DrillRotation | null>>;
  /** After `leak` was asked for, milliseconds: the issuer confirmed the revocation; the replacement was read back in its place. */
  readonly revokeMs: number | null;
  readonly recoverMs: number | null;
  /** Keys of the drill that live, and those that are to die and do not yet. */
  readonly alive: number;
  readonly dying: number;
  /** Why the last try to revoke one failed. */
  readonly debtError: string | null;
  /** The credential that has an emergency of its own at the same issuer. */
  readonly emergencyOf: string | null;
}

export type DrillAction =
  | { readonly do: 'request'; readonly step: DrillStep }
  /** Try the revoked key and its replacement. */
  | { readonly do: 'prove' }
  | { readonly do: 'judge'; readonly verdict: DrillVerdict }
  | { readonly do: 'finish' }
  | { readonly do: 'wait' };

interface Row {
  readonly reason: string;
  readonly when: (f: DrillFacts) => boolean;
  readonly does: (f: DrillFacts) => DrillAction;
}

const open = (rotation: DrillRotation | null): boolean => rotation !== null && !isTerminal(rotation.state);
const ended = (rotation: DrillRotation | null): boolean => rotation !== null && isTerminal(rotation.state);
const late = ({ now, startedAt }: DrillFacts): boolean => now.getTime() - startedAt.getTime() >= DRILL_LATE_MS;
const request = (step: DrillStep) => (): DrillAction => ({ do: 'request', step });
const wait = (): DrillAction => ({ do: 'wait' });
const failed = (why: string): DrillAction => ({ do: 'judge', verdict: { state: 'failed', why } });
const givenUp = (why: string): DrillAction => ({ do: 'judge', verdict: { state: 'given_up', why } });

/** Where it hangs, for people. */
export function drillHangs({ rotations: { mint, leak, end }, debtError }: DrillFacts): string {
  const at = [end, leak, mint].find(open);
  return [at?.message, debtError === null ? undefined : `A key is not revoked yet: ${debtError}`].filter((part) => part !== undefined).join(' ');
}

const tooLate = (f: DrillFacts): DrillAction => failed(`It was not over within 10 minutes. ${drillHangs(f)}`.trim());

/** The first that fits. What comes last in a drill comes first here: whatever went wrong, its keys die. */
const ROWS: readonly Row[] = [
  { reason: 'over', when: (f) => ended(f.rotations.end) && f.alive + f.dying === 0, does: () => ({ do: 'finish' }) },
  { reason: 'survived', when: (f) => ended(f.rotations.end) && f.alive > 0, does: request('end') },
  { reason: 'ending_late', when: (f) => f.rotations.end !== null && f.verdict === null && late(f), does: tooLate },
  { reason: 'ending', when: (f) => f.rotations.end !== null, does: wait },
  { reason: 'judged', when: (f) => f.verdict !== null, does: request('end') },
  { reason: 'emergency_first', when: (f) => f.emergencyOf !== null, does: (f) => givenUp(`An emergency of ${f.emergencyOf} came first.`) },
  { reason: 'late', when: late, does: tooLate },
  { reason: 'begin', when: (f) => f.rotations.mint === null, does: request('mint') },
  { reason: 'no_room', when: (f) => f.rotations.mint?.state === 'blocked' && f.rotations.mint.problems.includes('key_limit'), does: (f) => givenUp(f.rotations.mint?.message ?? '') },
  { reason: 'minting', when: (f) => open(f.rotations.mint), does: wait },
  { reason: 'not_minted', when: (f) => f.rotations.mint?.state !== 'done', does: (f) => failed(`No throw-away key came to be served: ${f.rotations.mint?.message ?? ''}`) },
  { reason: 'leak', when: (f) => f.rotations.leak === null, does: request('leak') },
  { reason: 'leaking', when: (f) => open(f.rotations.leak), does: wait },
  { reason: 'not_recovered', when: (f) => f.rotations.leak?.state !== 'done' || f.revokeMs === null || f.recoverMs === null, does: (f) => failed(`The emergency did not come to its end: ${f.rotations.leak?.message ?? ''}`) },
  { reason: 'unproved', when: (f) => f.refusedBy === null, does: () => ({ do: 'prove' }) },
  { reason: 'proved', when: () => true, does: request('end') },
];

export function decideDrill(facts: DrillFacts): DrillAction & { readonly reason: string } {
  const row = ROWS.find(({ when }) => when(facts));
  if (row === undefined) throw new Error('a drill has no row');
  return { ...row.does(facts), reason: row.reason };
}

/** What trying both keys showed. `unknown`: it could not be tried, or the answer was about something else. */
export interface DrillEvidence {
  readonly revoked: { readonly seen: 'refused' | 'accepted' | 'unknown'; readonly by: DrillProof };
  /** `unread`: this worker cannot read its value; it was proved before it was published. */
  readonly replacement: 'works' | 'refused' | 'unknown' | 'unread';
}

/** `sinceMs`: since the emergency ended. Null: look again. */
export function judgeEvidence({ revoked, replacement }: DrillEvidence, sinceMs: number): { readonly proof: DrillProof } | { readonly verdict: DrillVerdict } | null {
  if (replacement === 'refused') return { verdict: { state: 'failed', why: 'The issuer refuses the key that took the place of the revoked one.' } };
  if (revoked.seen === 'refused' && replacement !== 'unknown') return { proof: revoked.by };
  if (revoked.seen === 'accepted' && sinceMs >= DRILL_REFUSED_WITHIN_MS) {
    return { verdict: { state: 'failed', why: `The issuer confirmed the revocation, and ${revoked.by === 'call' ? 'still takes the revoked key' : 'still lists the revoked key as live'} a minute after.` } };
  }
  return null;
}
