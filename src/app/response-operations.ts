/** What can be asked of and decided about responses; a part of `Operations`. */
import type { ResponseState } from '../core/response.ts';
import type { Actor } from '../core/vocabulary.ts';

export interface ResponseView {
  readonly id: string;
  readonly state: ResponseState;
  /** `revoke` or `approve`. */
  readonly mode: string;
  readonly rule: string;
  readonly credential: string;
  readonly issuer: string;
  /** The issuer's id of the key; null for one that the ledger knows no more. */
  readonly issuerKeyId: string | null;
  readonly policy: string;
  readonly alert: string;
  readonly title: string;
  readonly openedAt: string;
  readonly expiresAt: string | null;
  readonly decidedBy: { readonly who: string; readonly why: string; readonly at: string } | null;
  readonly rotationId: string | null;
  readonly message: string | null;
  readonly lastError: string | null;
}

export interface ResponsesFilter {
  readonly credential?: string;
  readonly open?: boolean;
  readonly state?: ResponseState;
  readonly limit?: number;
}

/** How near the breaker is. */
export interface BreakerView {
  /** Responses that began within the last hour, and how many may. */
  readonly hour: number;
  readonly maxPerHour: number;
  readonly byIssuer: Readonly<Record<string, number>>;
  readonly maxPerIssuerPerHour: number;
  /** Requests that wait for a person; held back within the last day. */
  readonly waiting: number;
  readonly tripped: number;
}

export interface ResponsesView {
  readonly responses: readonly ResponseView[];
  readonly breaker: BreakerView;
}

export interface ResponseQuestions {
  /** Newest first. */
  responses(filter: ResponsesFilter): Promise<ResponsesView>;
}

export interface ResponseChanges {
  /** Throws UNKNOWN_NAME, RESPONSE_OVER for one that waits for nobody any more, ALREADY_REVOKED where the key is dead. */
  approveResponse(idOrPrefix: string, actor: Actor): Promise<ResponseView>;
  declineResponse(idOrPrefix: string, actor: Actor): Promise<ResponseView>;
}
