/** An issuer as it really is: keys live and die in it, whatever Keyturn believes. Calls to it are the faults' business. */
import { KeyturnError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { CreateKeyRequest, IssuedKey, Issuer, IssuerAccount, KeyProbe } from '../../../src/ports/issuer.ts';
import type { Trail } from './trail.ts';

export interface IssuerTraits {
  readonly limit: number | null;
  readonly lastUse: boolean;
  /** How long the list may be behind, as declared to Keyturn and as it really is, milliseconds. */
  readonly declaredLagMs: number;
  readonly realLagMs: number;
  /** How late the list shows a use. */
  readonly usageLagMs: number;
  /** Its clock against the ledger's. */
  readonly clockOffsetMs: number;
  /** The how manieth create gives more than was asked for; none when absent. */
  readonly overgenerousAt?: number;
}

export interface TrueKey {
  readonly id: string;
  readonly name: string;
  readonly value: Secret;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  revokedAt: number | null;
  readonly uses: number[];
}

export const CALL_TIMEOUT_MS = 10_000;
const ENVIRONMENT = 'live';

export class TrueIssuer {
  readonly keys: TrueKey[] = [];
  #creates = 0;
  readonly #byValue = new Map<string, TrueKey>();
  readonly #traits: IssuerTraits;
  readonly #trail: Trail;
  readonly #now: () => number;

  constructor(traits: IssuerTraits, trail: Trail, now: () => number) {
    this.#traits = traits;
    this.#trail = trail;
    this.#now = now;
  }

  keyOf(value: Secret): TrueKey | null {
    return this.#byValue.get(value.reveal()) ?? null;
  }

  get live(): readonly TrueKey[] {
    return this.keys.filter((key) => key.revokedAt === null);
  }

  /** Mints without asking anything: for what people did before Keyturn, and beside it. */
  mint({ name, scopes }: Pick<CreateKeyRequest, 'name' | 'scopes'>): TrueKey {
    const n = this.keys.length + 1;
    const key: TrueKey = { id: `key-${n}`, name, value: new Secret(`hm_live_${String(n).padStart(8, '0')}_value_of_key_${n}`), scopes, createdAt: this.#now(), revokedAt: null, uses: [] };
    this.keys.push(key);
    this.#byValue.set(key.value.reveal(), key);
    this.#trail.add({ what: 'created', key: key.id, name });
    return key;
  }

  create(request: CreateKeyRequest): { key: IssuedKey; value: Secret } {
    if (this.#traits.limit !== null && this.live.length >= this.#traits.limit) {
      this.#trail.add({ what: 'refused-at-limit', name: request.name });
      throw new KeyturnError('ISSUER_LIMIT', 'The account has no free key.', { effect: 'none', todo: 'Raise the limit.' });
    }
    const generous = this.#creates++ === this.#traits.overgenerousAt;
    const key = this.mint(generous ? { ...request, scopes: [...request.scopes, 'memory:admin'] } : request);
    return { key: this.#shown(key), value: key.value };
  }

  revoke(id: string, frozenMs: number): 'revoked' | 'gone' {
    const key = this.keys.find((one) => one.id === id);
    if (key === undefined || key.revokedAt !== null) return 'gone';
    key.revokedAt = this.#now();
    this.#trail.add({ what: 'revoked', key: id, frozenMs });
    return 'revoked';
  }

  /** People take a key of their own back. */
  remove(key: TrueKey): void {
    key.revokedAt = this.#now();
    this.#trail.add({ what: 'removed', key: key.id });
  }

  /** Dead keys leave the list at once; new keys and uses appear in it late. */
  list(): readonly IssuedKey[] {
    const seen = this.#now() - this.#traits.realLagMs;
    return this.keys.filter((key) => key.revokedAt === null && (key.createdAt <= seen || this.#traits.realLagMs === 0)).map((key) => this.#shown(key));
  }

  inspect(): IssuerAccount {
    return { plan: null, keyLimit: this.#traits.limit, liveKeys: this.live.length, problems: [] };
  }

  use(value: Secret, by: 'application' | 'keyturn', credential: string | null): KeyProbe {
    const key = this.keyOf(value);
    const works = key !== null && key.revokedAt === null;
    if (works) key.uses.push(this.#now());
    this.#trail.add({ what: 'used', key: key?.id ?? null, by, credential, worked: works });
    return works ? { works: true, reason: '', conclusive: true } : { works: false, reason: 'it is refused', conclusive: true };
  }

  #shown(key: TrueKey): IssuedKey {
    const { clockOffsetMs, usageLagMs, lastUse } = this.#traits;
    const seen = this.#now() - usageLagMs;
    const last = lastUse ? key.uses.findLast((at) => at <= seen) : undefined;
    return {
      id: key.id, name: key.name, prefix: 'hm_live_', scopes: key.scopes, live: key.revokedAt === null, space: null, environment: ENVIRONMENT,
      createdAt: new Date(key.createdAt + clockOffsetMs), lastUsedAt: last === undefined ? null : new Date(last + clockOffsetMs),
    };
  }
}

/** The port over the truth, answering at once and always: what decorators make unreliable. */
export function issuerPort(name: string, truth: TrueIssuer, traits: IssuerTraits): Issuer {
  return {
    name, type: 'model',
    capabilities: { list: true, lastUse: traits.lastUse, immediateRevocation: true, keyLimit: traits.limit, listLagMs: traits.declaredLagMs, callTimeoutMs: CALL_TIMEOUT_MS },
    inspect: async () => truth.inspect(),
    list: async () => truth.list(),
    create: async (request) => truth.create(request),
    revoke: async (id) => truth.revoke(id, 0),
    probe: async (value) => truth.use(value, 'keyturn', null),
    prove: async (value, id) => (truth.use(value, 'keyturn', null).works && truth.keyOf(value)?.id === id ? 'proven' : 'refuted'),
  };
}
