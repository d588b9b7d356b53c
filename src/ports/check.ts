import type { Secret } from '../core/secret.ts';

export interface CheckResult {
  readonly ok: boolean;
  /** For people: what was seen against what was expected; no secret. */
  readonly detail: string;
  readonly tookMs: number;
}

/** Who is being checked. */
export interface CheckSubject {
  readonly credential: string;
  readonly rotationId: string | null;
}

/** Proves that a key works against its issuer (may write a canary where the key may write). */
export interface KeyCheck {
  readonly name: string;
  readonly type: string;
  /** One attempt, bounded by the check's own time-out and `signal`; retries are the engine's. Never throws for a red result. */
  run(subject: CheckSubject, value: Secret, signal: AbortSignal): Promise<CheckResult>;
}

/** Proves that an application works, after promotion. */
export interface ApplicationCheck {
  readonly name: string;
  readonly type: string;
  /** The whole check with its own attempts and deadline. Never throws for a red result. */
  run(subject: CheckSubject, signal: AbortSignal): Promise<CheckResult>;
  /** For `doctor`: reachable and well-formed, without judging the answer. */
  probe(signal: AbortSignal): Promise<CheckResult>;
}

export type HookEvent = {
  readonly event: 'promoted' | 'rolled_back' | 'published';
  readonly credential: string;
  readonly rotationId: string | null;
  /** Unique per delivery attempt series: receivers de-duplicate by it. */
  readonly id: string;
};

/** Tells an application to read its key again. Carries no value. Throws HOOK_FAILED. */
export interface ReloadHook {
  readonly name: string;
  readonly type: string;
  run(event: HookEvent, signal: AbortSignal): Promise<void>;
  probe(signal: AbortSignal): Promise<CheckResult>;
}
