import type { Secret } from '../../core/secret.ts';
import type { ClueKind } from '../../core/usage.ts';

export interface PrometheusOptions {
  readonly name: string;
  /** Address of Prometheus, or of anything that speaks its query API; `/api/v1/query_range` follows. */
  readonly url: string;
  /** What the label holds. */
  readonly key: { readonly by: ClueKind; readonly label: string };
  /** PromQL: requests in the minute that ends then, one series a key: `sum by (key) (increase(http_requests_total[1m]))`. */
  readonly query: string;
  /** The part of them that failed for another reason than the key. */
  readonly failures?: string | undefined;
  /** The part of them that was refused for the key. */
  readonly denied?: string | undefined;
  /** How long after its end a minute is taken for complete, milliseconds; 120,000 by default. */
  readonly lagMs?: number | undefined;
  readonly bearer?: (() => Promise<Secret>) | undefined;
  readonly user?: string | undefined;
  readonly password?: (() => Promise<Secret>) | undefined;
  /** A value may be a secret: `X-Scope-OrgID` and the like. */
  readonly headers?: Readonly<Record<string, string | (() => Promise<Secret>)>> | undefined;
  /** Of a value; called for keys that are known `by: value` only. */
  readonly fingerprint: (value: string) => string;
  /** Of one read with all its queries, milliseconds; 15,000 by default. */
  readonly timeoutMs?: number | undefined;
}
