/** What the checker judges by: the issuer's own record, the stores' contents, the application's count. Nothing of the ledger. */
import type { KeyLife } from '../../src/sandbox/index.ts';
import type { Failure } from './application.ts';
import type { Accepted, DeadServed, Emergency } from './watch.ts';
import type { ServedAt } from './stores.ts';
import type { OwnEnd } from './seat.ts';

export interface Facts {
  readonly credentials: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** Every key ever minted at the issuer, in order of creation. */
  readonly keys: readonly KeyLife[];
  /** What every place serves in the end. */
  readonly served: readonly ServedAt[];
  /** Files in which Keyturn holds values that are not published, still there in the end. */
  readonly leftovers: readonly string[];
  /** Ids of keys that were not made by Keyturn. */
  readonly bystanders: readonly string[];
  readonly keyLimit: number;
  readonly emergencies: readonly Emergency[];
  readonly accepted: readonly Accepted[];
  readonly application: { readonly requests: number; readonly failures: readonly Failure[] };
  readonly watched: { readonly looks: number; readonly dead: readonly DeadServed[] };
  /** Where a whole key was found; `searched` is false when the search does not even find those in the env files. */
  readonly leaks: { readonly found: readonly string[]; readonly searched: boolean };
  /** `keyturn audit verify`. */
  readonly audit: { readonly code: number | null; readonly said: string };
  /** Ids of deliveries that arrived; how many wait, and how many of each are shown as stuck. */
  readonly messages: { readonly slack: readonly string[]; readonly mail: readonly string[]; readonly waiting: number; readonly stuck: Readonly<Record<string, number>>; readonly emergenciesTold: readonly string[] };
  /** Workers that ended by themselves with nothing to excuse it. */
  readonly ownEnds: readonly OwnEnd[];
  /** How the workers ended when they were asked to. */
  readonly lastEnds: readonly string[];
  readonly rest: { readonly reached: boolean; readonly afterMs: number; readonly waitsFor: string };
}
