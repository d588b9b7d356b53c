import type { Secret } from '../core/secret.ts';
import type { ReadRequest, UsageBatch } from './usage-source.ts';

/** What an issuer can do; the protocol is chosen by these, and nothing downgrades silently. */
export interface IssuerCapabilities {
  /** Keys can be listed with their names: a lost create can be reconciled. */
  readonly list: boolean;
  /** Listing tells a key's last use: drains can wait for quiet, adoption can be proved. */
  readonly lastUse: boolean;
  /** A revoked key is refused from the next request on. */
  readonly immediateRevocation: boolean;
  /** Keys per account that may be live at once; null when unlimited or unknown until asked (see `inspect`). */
  readonly keyLimit: number | null;
  /** How long after creation a list may still not show a key, milliseconds. */
  readonly listLagMs: number;
  /** The longest that a single call may take before it is abandoned, milliseconds. */
  readonly callTimeoutMs: number;
}

/** One key as the issuer lists it. */
export interface IssuedKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** False for keys listed as revoked or disabled. */
  readonly live: boolean;
  /** The space that the key is bound to (a HyperMemory graph), or null. */
  readonly space: string | null;
  /** `live`, `test` or whatever the issuer calls its environments; null when it does not tell. */
  readonly environment: string | null;
}

export interface CreateKeyRequest {
  /** Unique per attempt; the handle by which a lost create is found again. */
  readonly name: string;
  readonly scopes: readonly string[];
  readonly space: string | null;
}

/** What the admin key can see of the account, without changing anything. */
export interface IssuerAccount {
  readonly plan: string | null;
  readonly keyLimit: number | null;
  readonly liveKeys: number;
  /** Where a person raises the key limit, an imperative clause; null when the issuer has no such place. */
  readonly raiseLimit?: string | null;
  /** Problems that would stop a rotation, each a sentence with its remedy. */
  readonly problems: readonly string[];
}

export interface KeyProbe {
  readonly works: boolean;
  /** Why not, for people. Empty when it works. */
  readonly reason: string;
  /** True when the answer is about the key itself (401), not about the network or the service. */
  readonly conclusive: boolean;
}

/** What a check asks of a key. */
export interface ExerciseRequest {
  /** The declared scopes: what the key must be able to do. */
  readonly scopes: readonly string[];
  readonly space: string | null;
  /** May write, read and remove something of its own, where the scopes allow writing. */
  readonly canary: boolean;
}

export interface KeyExercise extends KeyProbe {
  /** What was tried and worked, for people, to follow "it could": `store a canary`. */
  readonly did: readonly string[];
}

/** One thing that `doctor` looked at. */
export interface Examination {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Requests and errors of a key today, where the issuer tells them. */
export interface KeyUsageToday {
  readonly issuerKeyId: string;
  readonly requests: number;
  readonly failures: number;
}

/** How much of something the account may use, and has used. */
export interface IssuerQuota {
  /** A noun in plural: `queries`. */
  readonly what: string;
  readonly current: number;
  /** Null for unlimited. */
  readonly limit: number | null;
  /** At whose end it begins anew; null for what stays used. */
  readonly period: { readonly start: Date; readonly end: Date } | null;
}

/** What requests asked of a key's scopes. */
export interface ScopeNeed {
  /** The least scope that does for them, in the issuer's words. */
  readonly need: string;
  /** Not one of them was allowed. */
  readonly refused: boolean;
}

/**
 * A system that mints, lists and revokes keys. Every call is bounded by `callTimeoutMs` and by `signal`.
 * Errors are `KeyturnError`s with an `ISSUER_*` code; for `create`, `effect: 'none'` means that surely no key came
 * to exist, anything else must be reconciled by listing.
 */
export interface Issuer {
  readonly name: string;
  readonly type: string;
  readonly capabilities: IssuerCapabilities;

  /** Whether a text has the form of this issuer's keys, which says nothing of whether it is one. Absent where keys have no form of their own. */
  looksLikeKey?(text: string): boolean;

  /** Reads plan, limit and rights of the admin key. */
  inspect(signal: AbortSignal): Promise<IssuerAccount>;

  /** All keys, all pages. Revoked ones may be included with `live: false`. */
  list(signal: AbortSignal): Promise<readonly IssuedKey[]>;

  /** Mints a key. The value is returned once and held nowhere else. */
  create(request: CreateKeyRequest, signal: AbortSignal): Promise<{ readonly key: IssuedKey; readonly value: Secret }>;

  /** Revokes by the issuer's key id. `gone` when it was dead or unknown already. */
  revoke(issuerKeyId: string, signal: AbortSignal): Promise<'revoked' | 'gone'>;

  /** One cheap call with the key's own value; counts as use of that key. */
  probe(value: Secret, signal: AbortSignal): Promise<KeyProbe>;

  /**
   * Proves by the issuer's own trail that `value` is the key `issuerKeyId`: a marked call with the value shows up under
   * that id, however busy the key is. `refuted` when it surely does not, `unknown` when the trail does not tell.
   */
  prove?(value: Secret, issuerKeyId: string, signal: AbortSignal): Promise<'proven' | 'refuted' | 'unknown'>;

  /**
   * Proves that the key can do what its scopes say, in its space. Whatever it wrote is removed before it returns, even
   * when aborted, which may take up to `callTimeoutMs` in all. Absent where `probe` is all there is.
   */
  exercise?(value: Secret, request: ExerciseRequest, signal: AbortSignal): Promise<KeyExercise>;

  /** For `doctor`: which of the assumed addresses and fields the real service answers. Changes nothing. */
  examine?(signal: AbortSignal): Promise<readonly Examination[]>;

  /**
   * The least scopes that would have done for all that was asked of a key with these, since only the issuer knows which scope
   * includes which: `granted` itself where nothing less would, null where it is not known. What was refused and is beyond what
   * was granted is no need, since the key does without. Pure.
   */
  enough?(granted: readonly string[], needs: readonly ScopeNeed[]): readonly string[] | null;

  /** The next events of the issuer's own trail of what keys did, as a usage source reads them; keys are named by their id. It shows every request of every key. */
  usage?(request: ReadRequest, signal: AbortSignal): Promise<UsageBatch>;

  /** Today's figures by key, or null where the issuer does not tell. */
  usageToday?(signal: AbortSignal): Promise<readonly KeyUsageToday[] | null>;

  /** What the account has used of what it may, cheap enough to be asked every few minutes; null where the issuer does not tell. Throws where it does not answer, or refuses the admin key. */
  quota?(signal: AbortSignal): Promise<readonly IssuerQuota[] | null>;
}
