/**
 * KeyRing: what an application uses so that nobody notices when its API key is rotated. Needs nothing else of Keyturn.
 * See docs/keyring.md.
 */
export { KeyRing } from './key-ring.ts';
export type { KeyRingOptions, KeyRingStatus, WithKeyOptions } from './key-ring.ts';
export type { FellBackEvent, KeyRingEvent, KeyRingListener, ProblemEvent, RefreshedEvent } from './events.ts';
export type { EnvFileOptions } from './env-file-source.ts';
export type { KeyNames } from './names.ts';
export type { FetchFunction, FetchInput } from './request.ts';
export type { SecretsManagerKeyOptions } from './secrets-manager-source.ts';
export { KeyRingError, KeySourceError } from './source.ts';
export type { KeyReading, KeyRingErrorCode, KeySource, ProblemCode, ReadReason, ReadRequest } from './source.ts';
export type { KeyGetter, ValueOptions } from './value-source.ts';
