import type { ClueKind } from '../../core/usage.ts';

/** Names of fields in a line of JSON; a dot descends. */
export interface FieldNames {
  readonly at?: string | undefined;
  readonly status?: string | undefined;
  readonly address?: string | undefined;
  readonly agent?: string | undefined;
  /** How many requests a line stands for; one where there is no such field. */
  readonly requests?: string | undefined;
}

export interface AccessLogOptions {
  readonly name: string;
  /** The log that is written to; `*` in its last part stands for anything. Rotated ones are found beside it. */
  readonly path: string;
  readonly format: 'json' | 'nginx' | 'envoy';
  /** What identifies a key, and where it stands: a JSON field, or `name` of a `name="…"` at the end of the line. */
  readonly key: { readonly by: ClueKind; readonly field: string };
  readonly fields?: FieldNames | undefined;
  /** Instead of the format's own: a regular expression with the groups at, status and key, and maybe address, agent, requests. */
  readonly pattern?: string | undefined;
  /** Statuses that mean that the key was refused; 401 and 403 by default. */
  readonly denied?: readonly number[] | undefined;
  /** How much later than others a line may be written, milliseconds; 30,000 by default. */
  readonly latenessMs?: number | undefined;
  /** Of a value; called for keys that are known `by: value` only. */
  readonly fingerprint: (value: string) => string;
  /** Of one read, milliseconds; 10,000 by default. */
  readonly timeoutMs?: number | undefined;
}

export const DEFAULT_LATENESS_MS = 30_000;
export const DEFAULT_TIMEOUT_MS = 10_000;
