/** Exit codes of the CLI, documented in docs/errors.md. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, blocked: 4, unknown: 5, nothing: 6 } as const;

interface ErrorRow {
  readonly exit: number;
  readonly http: number;
  readonly meaning: string;
}

/** The one table of error codes; docs/errors.md is generated from it. */
export const ERROR_CODES = {
  CONFIG_INVALID: { exit: EXIT.usage, http: 422, meaning: 'The configuration does not fit the schema.' },
  USAGE: { exit: EXIT.usage, http: 400, meaning: 'The request or command line is malformed.' },
  REFERENCE_UNRESOLVED: { exit: EXIT.usage, http: 422, meaning: 'A secret reference names a variable or file that is missing or empty.' },
  UNKNOWN_CREDENTIAL: { exit: EXIT.unknown, http: 404, meaning: 'No credential of that name is declared.' },
  UNKNOWN_NAME: { exit: EXIT.unknown, http: 404, meaning: 'Nothing of that name or id exists.' },
  UNAUTHENTICATED: { exit: EXIT.failed, http: 401, meaning: 'The control API wants a token.' },
  ROTATION_OPEN: { exit: EXIT.blocked, http: 409, meaning: 'Another rotation of this credential is still open.' },
  ROTATION_ENDED: { exit: EXIT.failed, http: 409, meaning: 'The rotation has ended; nothing can be asked of it any more.' },
  ALERT_ENDED: { exit: EXIT.failed, http: 409, meaning: 'The alert is over; nothing can be asked of it any more.' },
  RESPONSE_OVER: { exit: EXIT.failed, http: 409, meaning: 'The response to a finding waits for no decision any more.' },
  NO_WAY_BACK: { exit: EXIT.failed, http: 409, meaning: 'The rotation cannot be given up; it can only go forward.' },
  ALREADY_REVOKED: { exit: EXIT.nothing, http: 409, meaning: 'What was to be revoked is dead already; nothing was changed.' },
  PAUSED: { exit: EXIT.blocked, http: 409, meaning: 'Rotations are paused for this credential, issuer or everything.' },
  BLOCKED: { exit: EXIT.blocked, http: 409, meaning: 'A person must act before this can go on.' },
  WORKER_UNREACHABLE: { exit: EXIT.unreachable, http: 503, meaning: 'No worker answers on the control API.' },
  DATA_DIR_IN_USE: { exit: EXIT.unreachable, http: 503, meaning: 'Another process holds the data directory.' },
  ADDRESS_IN_USE: { exit: EXIT.unreachable, http: 503, meaning: 'The port or socket is taken by another process.' },
  LEDGER_UNREACHABLE: { exit: EXIT.unreachable, http: 503, meaning: 'The ledger database does not answer.' },
  LEDGER_NEWER: { exit: EXIT.failed, http: 503, meaning: 'The ledger was migrated by a newer Keyturn.' },
  LEDGER_EMPTY: { exit: EXIT.failed, http: 503, meaning: 'No worker has begun the ledger yet, and this process may not.' },
  LEDGER_OLDER: { exit: EXIT.failed, http: 503, meaning: 'The ledger lacks migrations of this Keyturn, and this process may not apply them.' },
  ROOT_KEY_MISMATCH: { exit: EXIT.usage, http: 503, meaning: 'The root key is not the one this ledger was made with.' },
  QUEUE_UNREACHABLE: { exit: EXIT.unreachable, http: 503, meaning: 'The queue does not answer.' },
  LEASE_LOST: { exit: EXIT.failed, http: 409, meaning: 'Another worker has taken over; this one must not write.' },
  ISSUER_DENIED: { exit: EXIT.failed, http: 502, meaning: 'The issuer refuses the admin key or its rights.' },
  ISSUER_LIMIT: { exit: EXIT.blocked, http: 409, meaning: 'The issuer allows no further key.' },
  ISSUER_RATE_LIMITED: { exit: EXIT.failed, http: 502, meaning: 'The issuer asks for fewer requests.' },
  ISSUER_UNAVAILABLE: { exit: EXIT.failed, http: 502, meaning: 'The issuer does not answer, or answers with an error of its own.' },
  ISSUER_REJECTED: { exit: EXIT.failed, http: 502, meaning: 'The issuer says the request is wrong.' },
  ISSUER_BAD_ANSWER: { exit: EXIT.failed, http: 502, meaning: 'The issuer answers something that is not its API.' },
  STORE_DENIED: { exit: EXIT.failed, http: 502, meaning: 'The store refuses access.' },
  STORE_MISSING: { exit: EXIT.failed, http: 502, meaning: 'The place in the store does not exist.' },
  STORE_CONFLICT: { exit: EXIT.failed, http: 409, meaning: 'The store changed since it was read.' },
  STORE_UNAVAILABLE: { exit: EXIT.failed, http: 502, meaning: 'The store does not answer.' },
  STORE_UNSUITABLE: { exit: EXIT.failed, http: 422, meaning: 'The place cannot be written safely as it is.' },
  HOOK_FAILED: { exit: EXIT.failed, http: 502, meaning: 'A reload hook failed.' },
  CHANNEL_REFUSED: { exit: EXIT.failed, http: 502, meaning: 'The channel refuses the message; trying again will not help.' },
  CHANNEL_UNAVAILABLE: { exit: EXIT.failed, http: 502, meaning: 'The channel does not answer now; trying again may help.' },
  SOURCE_REFUSED: { exit: EXIT.failed, http: 502, meaning: 'A usage or leak source refuses to be read; trying again will not help.' },
  SOURCE_UNAVAILABLE: { exit: EXIT.failed, http: 502, meaning: 'A usage or leak source does not answer now; trying again may help.' },
  RECORD_REFUSED: { exit: EXIT.failed, http: 422, meaning: 'The break-glass record is damaged, was changed, or is of another installation; or it is not signed, and nobody has vouched for it.' },
  AUDIT_BROKEN: { exit: EXIT.failed, http: 409, meaning: 'The audit chain does not verify.' },
  INTERNAL: { exit: EXIT.failed, http: 500, meaning: 'A defect in Keyturn.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  readonly cause?: unknown;
  /** What to do, one imperative sentence. */
  readonly todo?: string;
  /**
   * For a failed effect: `none` when the outside surely did not change, `unknown` when the answer was lost.
   * Absent means unknown: the caller must reconcile, never retry blind.
   */
  readonly effect?: 'none' | 'unknown';
  /** How long the other side asked us to wait, milliseconds. */
  readonly retryAfterMs?: number;
}

/** The only error type thrown on purpose. `message` says what happened and what it means; `todo` what to do. */
export class KeyturnError extends Error {
  readonly code: ErrorCode;
  readonly todo: string | undefined;
  readonly effect: 'none' | 'unknown';
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KeyturnError';
    this.code = code;
    this.todo = details.todo;
    this.effect = details.effect ?? 'unknown';
    this.retryAfterMs = details.retryAfterMs;
  }

  /** One line for people: what happened, what to do. */
  get sentence(): string {
    return this.todo === undefined ? this.message : `${this.message} ${this.todo}`;
  }
}

/** True when another worker took over: whoever gets this must neither act nor write any more. */
export function isLeaseLost(thrown: unknown): boolean {
  return thrown instanceof KeyturnError && thrown.code === 'LEASE_LOST';
}

/** What to say of anything thrown, for logs, the ledger and people; never with a stack. */
export function describeError(thrown: unknown): string {
  if (thrown instanceof KeyturnError) return thrown.sentence;
  if (thrown instanceof Error) return thrown.message;
  return String(thrown);
}
