/** What can be asked of drills; a part of `Questions` and `Operations`. */
import type { DrillProof, DrillState } from '../../core/drill.ts';
import type { Actor } from '../../core/vocabulary.ts';

export interface DrillView {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly state: DrillState;
  readonly requestedBy: string;
  readonly why: string;
  /** The instant of the schedule that it answers, or null. */
  readonly scheduledFor: string | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** From the emergency accepted to the revocation confirmed by the issuer, milliseconds; null where it did not come to that (yet). */
  readonly timeToRevokeMs: number | null;
  /** To the replacement read back in its place, proved before. */
  readonly timeToRecoverMs: number | null;
  /** How it was seen that the revoked key is dead: `call` (one with it was refused), `list` (the issuer lists it no more); null where it was not. */
  readonly refusedBy: DrillProof | null;
  /** Why it does not pass; null where it did, or may. */
  readonly failure: string | null;
  /** What it does now, or what holds it up, a sentence; empty once it is over. */
  readonly now: string;
  /** Its rotations: the throw-away key is minted, revoked and replaced, and what is left is revoked. */
  readonly rotations: readonly { readonly step: string; readonly id: string }[];
}

/** Of the newest drills of one credential that passed, up to ten. */
export interface DrillTrend {
  readonly credential: string;
  readonly passed: number;
  /** Of as many as were looked at. */
  readonly drills: number;
  readonly revoke: DrillSpread | null;
  readonly recover: DrillSpread | null;
}

/** Milliseconds. */
export interface DrillSpread {
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly lastMs: number;
}

export interface DrillsView {
  readonly drills: readonly DrillView[];
  readonly trends: readonly DrillTrend[];
}

/** What a drill would do, and what stands in its way. */
export interface DrillPlanView {
  readonly credential: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  /** Sentences, in order. */
  readonly steps: readonly string[];
  readonly blockedBy: readonly { readonly why: string; readonly todo: string }[];
}

export interface DrillQuestions {
  /** Newest first. Throws UNKNOWN_CREDENTIAL. */
  drills(filter: { readonly credential?: string; readonly limit?: number }): Promise<DrillsView>;
  /** Throws UNKNOWN_NAME. */
  drill(idOrPrefix: string): Promise<DrillView>;
  /** Asks the issuer how many keys are free; changes nothing. Throws UNKNOWN_CREDENTIAL. */
  drillPlan(credential: string): Promise<DrillPlanView>;
}

export interface DrillChanges {
  /** Begins one. Throws UNKNOWN_CREDENTIAL, PAUSED, BLOCKED where something stands in its way; then no key was made. */
  beginDrill(credential: string, actor: Actor): Promise<DrillView>;
}
