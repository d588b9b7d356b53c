import type { LeakHash } from '../core/leak.ts';

/** What was posted, as it arrived. */
export interface LeakDelivery {
  /** Names in lower case; of a header that came twice, nothing. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** What is told of the secret. A value lives only in memory: it is fingerprinted at once, and never wrapped, since it is not ours to keep. */
export type LeakedSecret =
  | { readonly kind: 'value'; readonly value: string }
  /** Keyturn's own, from this installation. */
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  | { readonly kind: 'hash'; readonly hash: LeakHash; readonly hex: string }
  /** Where the source can read it; understood by the source only. At most 500 characters, no secret. */
  | { readonly kind: 'reference'; readonly reference: string };

export interface ReportedLeak {
  readonly secret: LeakedSecret;
  /** Where it was found, as told. */
  readonly url: string | null;
  readonly foundAt: Date | null;
  /** What the source calls it, such as its detector. */
  readonly detail: string | null;
}

/** The ledger's time: asked for only where a signature is right so far, since anybody can send a wrong one. */
export type Now = () => Promise<Date>;

export interface LeakReport {
  readonly leaks: readonly ReportedLeak[];
  /** Entries that could not be understood. */
  readonly malformed: number;
}

/**
 * A system that tells of leaked keys. `verify` comes first and sees bytes; nothing is parsed before. Each call is bounded by `signal`.
 */
export interface LeakSource {
  readonly name: string;
  readonly type: string;
  /**
   * That this source sent exactly these bytes, and not long ago where it says when; compares in constant time. Absent where the way in
   * is the guard: the control API. Throws UNAUTHENTICATED, always alike, and SOURCE_UNAVAILABLE where that can't be told now.
   */
  verify?(delivery: LeakDelivery, now: Now, signal: AbortSignal): Promise<void>;
  /** What a verified delivery says; nothing where it is about something else. Throws USAGE for a body that is not of this format. */
  read(delivery: LeakDelivery): LeakReport;
  /** The secret that a reference means. Throws SOURCE_UNAVAILABLE where trying again may help, SOURCE_REFUSED where a person must look first. */
  fetch?(reference: string, signal: AbortSignal): Promise<ReportedLeak>;
  /** For `doctor`: that its secrets can be read. Throws what is wrong, answers a clause on what it takes. */
  probe(signal: AbortSignal): Promise<string>;
}
