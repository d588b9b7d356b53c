/** The part of the ledger that keeps drills. Their keys, rotations and debts are kept as all others, under `drill:<credential>`. */
import type { DrillProof, DrillState, DrillStep, DrillVerdict } from '../core/drill.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { Change, NewRotation, Page, Rotation } from './ledger.ts';

export interface Drill {
  readonly id: string;
  /** The real one, whose path is tried. */
  readonly credential: string;
  readonly issuer: string;
  readonly state: DrillState;
  readonly actor: Actor;
  /** The instant of the schedule that it answers, or null. */
  readonly occurrence: Date | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** Ids of the rotations that it asked for. */
  readonly rotations: Readonly<Record<DrillStep, string | null>>;
  readonly verdict: DrillVerdict | null;
  readonly refusedBy: DrillProof | null;
  /** Since the emergency was accepted, milliseconds; null where it did not come to that. */
  readonly revokeMs: number | null;
  readonly recoverMs: number | null;
}

export interface NewDrill extends Pick<Drill, 'id' | 'credential' | 'issuer' | 'actor' | 'occurrence'> {}

export type BeginOutcome =
  | { readonly outcome: 'begun'; readonly drill: Drill }
  /** One is open at that issuer. */
  | { readonly outcome: 'open'; readonly drill: Drill }
  /** The occurrence has its drill already. */
  | { readonly outcome: 'answered' };

/** A declared credential whose policy says when it is drilled. */
export interface DrillSchedule {
  readonly credential: string;
  readonly issuer: string;
  readonly cron: string;
  readonly timezone: string;
  readonly firstSeenAt: Date;
  /** Of its newest drill. */
  readonly last: { readonly startedAt: Date; readonly state: DrillState } | null;
}

type Notices = NonNullable<Change['notices']>;

export interface DrillLedger {
  /** Records the drill and its own credential, with the plan that its rotations have, in one transaction. */
  begin(drill: NewDrill, plan: CredentialPlan): Promise<BeginOutcome>;
  /** One that could not begin, so that its occurrence is answered. `already`: it is. Notices with one `dedupeKey` are told once. */
  refuse(drill: NewDrill, verdict: DrillVerdict, notices: Notices): Promise<'recorded' | 'already'>;
  drill(idOrPrefix: string): Promise<Drill | null>;
  /** Newest first. */
  drills(filter: { readonly credential?: string; readonly open?: boolean }, page: Page): Promise<readonly Drill[]>;
  /** The newest that is over, of each declared credential that had any. */
  latest(): Promise<readonly Drill[]>;
  /** Asks for a rotation of the drill and notes its id, in one transaction. Null, and nothing is asked, where the drill is over or its step is not at `before` any more. */
  request(drill: string, step: DrillStep, before: string | null, asked: NewRotation): Promise<Rotation | null>;
  /** The first verdict stays. `already`: there is one, or it is over. */
  judge(drill: string, verdict: DrillVerdict, notices: Notices): Promise<'recorded' | 'already'>;
  noteProof(drill: string, proof: DrillProof): Promise<void>;
  /** The end: `passed`, or as its verdict says. */
  finish(drill: string, figures: Pick<Drill, 'revokeMs' | 'recoverMs'>, notices: Notices): Promise<'recorded' | 'already'>;
  /** The credential of an open emergency at that issuer that is no drill's; null without one. */
  emergencyAt(issuer: string): Promise<string | null>;
  /** Of every declared credential that is drilled by policy. */
  schedules(): Promise<readonly DrillSchedule[]>;
}
