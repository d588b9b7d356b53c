/**
 * The plan of a credential: everything a rotation needs to know, resolved from configuration, holding references
 * and never secrets. A rotation stores the plan it began with and finishes on it.
 */

import type { OnCritical } from './response.ts';
import type { RuleOverrides } from './watching.ts';
import type { MaintenanceWindow } from './window.ts';

/** Where a secret is read from when it is needed: `${env:NAME}` or `${file:/path}`. */
export type SecretRef = { readonly from: 'env' | 'file'; readonly name: string };

/** A plug-in's definition as configured; `options` are validated by the configuration schema, secrets are `SecretRef`s. */
export interface PluginDefinition {
  readonly name: string;
  readonly type: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** One place that the credential is published to: a store and what is particular to this credential in it. */
export interface PlaceDefinition {
  /** Unique within the credential; the store's name, with `/n` appended when a store is used twice. */
  readonly id: string;
  readonly store: PluginDefinition;
  /** What the credential adds to the store's options: secret id, field, path, variable. */
  readonly place: Readonly<Record<string, unknown>>;
  /** True for exactly one place of each credential. */
  readonly ofRecord: boolean;
}

export interface RotationPolicy {
  readonly name: string;
  /** Null when rotated only by hand. Exactly one of cron and everyMs is set otherwise. */
  readonly cron: string | null;
  /** IANA zone of `cron` and of `window`. */
  readonly timezone: string;
  readonly everyMs: number | null;
  readonly window: MaintenanceWindow | null;
  /** The least time that old and new key both live after promotion, milliseconds. */
  readonly overlapMs: number;
  /** How long the old key must have been unused before it is revoked, milliseconds; 0 turns the wait off. */
  readonly quietMs: number;
  /** Hard maximum age of a displaced key after promotion: overrides `quiet`, audited. Null: wait for ever, alerting. */
  readonly maxAgeMs: number | null;
  /** Largest deterministic delay added to each due instant, milliseconds. */
  readonly jitterMs: number;
  readonly strategy: 'displace' | 'replace';
  readonly allowDowntime: boolean;
  readonly deadlines: PolicyDeadlines;
  /** When its emergency path is drilled, a cron pattern in `timezone`; absent where only by hand. */
  readonly drill?: string;
  /** What critical findings may cause; absent: people are told, and nothing else. */
  readonly onCritical?: OnCritical;
}

export interface PolicyDeadlines {
  /** How long a fresh key may take to pass the issuer checks, milliseconds. */
  readonly verifyMs: number;
  /** How long promotion to all stores may take before it is rolled back, milliseconds. */
  readonly promoteMs: number;
  /** How long hooks and application checks may take to become green before a rollback, milliseconds. */
  readonly confirmMs: number;
  /** After this long in `draining` or `revoking` people are told, milliseconds. */
  readonly stuckMs: number;
  /** After a rotation was aborted or rolled back it is tried again this much later, milliseconds, if that comes before the next occurrence. */
  readonly retryMs: number;
}

export interface Adoption {
  readonly by: 'key-id' | 'name';
  readonly value: string;
}

export interface Pacing {
  /** Rotations of one issuer between preflight and confirmed at once. */
  readonly maxConcurrent: number;
  /** Rotations of one issuer begun in any minute. */
  readonly perMinute: number;
}

export interface CredentialPlan {
  readonly credential: string;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly issuer: PluginDefinition;
  readonly pacing: Pacing;
  /** Names (with `*`) of keys at the issuer that people look after themselves: the inventory is silent about them. */
  readonly knownKeys: readonly string[];
  /** Base of the names of minted keys, e.g. `prod-api-server`. */
  readonly keyName: string;
  readonly scopes: readonly string[];
  readonly space: string | null;
  readonly environment: string | null;
  readonly adopt: Adoption | null;
  readonly policy: RotationPolicy;
  readonly places: readonly PlaceDefinition[];
  readonly checks: readonly PluginDefinition[];
  readonly hooks: readonly PluginDefinition[];
  /** Names of the channels that notices of this credential go to, by severity; resolved from routes. */
  readonly channels: Readonly<Record<'info' | 'warning' | 'critical', readonly string[]>>;
  /** Channels that everything about it goes to, also alerts; absent where routes say. */
  readonly notify?: readonly string[];
  /** Rules of its own; absent where those of all hold. */
  readonly rules?: RuleOverrides;
  /** No finding ever has a key of it revoked; absent where one may. */
  readonly protected?: true;
}

/** Digest inputs only: two plans that differ in nothing that matters to a rotation have the same revision. */
export interface PlannedCredential {
  readonly plan: CredentialPlan;
  readonly revision: string;
}

/** Some planned credentials, as a JSON array of them: they go to the ledger as text, since as objects many take much memory. */
export type PlannedText = string;
