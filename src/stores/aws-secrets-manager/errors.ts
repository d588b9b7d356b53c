/** What the AWS SDK throws, said in Keyturn's words. No message of AWS's is passed on unscrubbed. */
import { KeyturnError, type ErrorCode } from '../../core/errors.ts';
import { scrub } from '../../core/secret.ts';

export type Action = 'DescribeSecret' | 'GetSecretValue' | 'PutSecretValue' | 'UpdateSecretVersionStage' | 'CreateSecret';

const WRITES: ReadonlySet<Action> = new Set(['PutSecretValue', 'UpdateSecretVersionStage', 'CreateSecret']);
const THROTTLED_WAIT_MS = 2_000;

interface Kind {
  readonly code: ErrorCode;
  readonly says: (action: Action, place: string) => string;
  readonly todo: (action: Action) => string;
}

const DENIED: Kind = {
  code: 'STORE_DENIED',
  says: (action, place) => `AWS refuses secretsmanager:${action} on ${place}.`,
  todo: (action) => `Allow secretsmanager:${action} on it to the identity that Keyturn runs as, in IAM and in the secret's own policy.`,
};
const NO_IDENTITY: Kind = {
  code: 'STORE_DENIED',
  says: (_action, place) => `AWS does not accept the credentials that Keyturn uses for ${place}, or it found none.`,
  todo: () => 'Give the process valid AWS credentials (role, profile or environment), or renew the expired ones.',
};
const KMS: Kind = {
  code: 'STORE_DENIED',
  says: (action, place) => `AWS cannot use the KMS key of ${place} (${action}).`,
  todo: () => 'Allow kms:Decrypt and kms:GenerateDataKey on the key to the identity that Keyturn runs as, and see that the key is enabled.',
};
const THROTTLED: Kind = {
  code: 'STORE_UNAVAILABLE',
  says: (action, place) => `AWS asks for fewer requests (${action} on ${place}).`,
  todo: () => 'Nothing: Keyturn tries again later.',
};
const TOO_MANY_VERSIONS: Kind = {
  code: 'STORE_UNAVAILABLE',
  says: (_action, place) => `AWS keeps no more versions of ${place} for now.`,
  todo: () => 'Wait: versions without a label are removed after 24 hours. Find out who writes this secret so often.',
};
const MISSING: Kind = {
  code: 'STORE_MISSING',
  says: (_action, place) => `AWS knows no ${place}.`,
  todo: () => 'Create it, correct `secretId` or `region`, or set `createIfMissing: true`.',
};
const EXISTS: Kind = {
  code: 'STORE_CONFLICT',
  says: (_action, place) => `The same attempt has already written another value to ${place}.`,
  todo: () => 'Nothing was changed. Begin a new attempt.',
};
const REFUSED: Kind = {
  code: 'STORE_UNSUITABLE',
  says: (action, place) => `AWS finds ${action} on ${place} impossible as the secret is now.`,
  todo: () => 'Run `keyturn doctor`, which says what is unusual about the secret.',
};
const UNREACHABLE: Kind = {
  code: 'STORE_UNAVAILABLE',
  says: (action, place) => `AWS did not answer ${action} on ${place}.`,
  todo: () => 'See that the Secrets Manager endpoint is reachable from here; Keyturn tries again.',
};

const KINDS: Readonly<Record<string, Kind>> = {
  AccessDeniedException: DENIED,
  AccessDenied: DENIED,
  UnauthorizedOperation: DENIED,
  UnrecognizedClientException: NO_IDENTITY,
  InvalidClientTokenId: NO_IDENTITY,
  InvalidSignatureException: NO_IDENTITY,
  ExpiredTokenException: NO_IDENTITY,
  ExpiredToken: NO_IDENTITY,
  CredentialsProviderError: NO_IDENTITY,
  TokenProviderError: NO_IDENTITY,
  DecryptionFailure: KMS,
  EncryptionFailure: KMS,
  ThrottlingException: THROTTLED,
  Throttling: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  TooManyRequestsException: THROTTLED,
  SlowDown: THROTTLED,
  LimitExceededException: TOO_MANY_VERSIONS,
  ResourceNotFoundException: MISSING,
  ResourceExistsException: EXISTS,
  InvalidRequestException: REFUSED,
  InvalidParameterException: REFUSED,
  ValidationException: REFUSED,
  MalformedPolicyDocumentException: REFUSED,
};

/** The error's own name, `''` for what is no error. */
export function awsName(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : '';
}

/** Translates whatever a call threw. `place` is for people and holds no secret. */
export function fromAws(thrown: unknown, action: Action, place: string): KeyturnError {
  if (thrown instanceof KeyturnError) return thrown;
  const kind = KINDS[awsName(thrown)] ?? UNREACHABLE;
  const waits = kind === THROTTLED ? { retryAfterMs: retryAfterMs(thrown) } : {};
  const unchanged = kind !== UNREACHABLE || !WRITES.has(action);
  return new KeyturnError(kind.code, kind.says(action, place), {
    todo: kind.todo(action),
    effect: unchanged ? 'none' : 'unknown',
    cause: harmless(thrown),
    ...waits,
  });
}

/** AWS may echo a request's values when it rejects them, and SDK errors carry whole answers: keep name and words only. */
function harmless(thrown: unknown): Error {
  const name = awsName(thrown) || 'Error';
  const echoes = name === 'ValidationException' || !(thrown instanceof Error);
  const cause = new Error(echoes ? name : scrub(thrown.message));
  cause.name = name;
  return cause;
}

function retryAfterMs(thrown: unknown): number {
  const headers = (thrown as { $response?: { headers?: Record<string, string> } }).$response?.headers;
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : THROTTLED_WAIT_MS;
}
