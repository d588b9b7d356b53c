/** The issuer's list against the ledger. Pure; nothing here touches a key that Keyturn did not make. */
import { isDrill } from './drill.ts';
import type { RuleName } from './finding.ts';
import { conventionProblem } from './naming.ts';
import { matchesAny } from './pattern.ts';
import type { KeyRecord } from './vocabulary.ts';

export interface ListedKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly live: boolean;
}

export interface InventoryFacts {
  readonly issuer: string;
  readonly listed: readonly ListedKey[];
  /** The ledger's keys of this issuer. */
  readonly known: readonly KeyRecord[];
  /** The list shows all that happened before: when it was asked for, less its lag. */
  readonly shownUntil: Date;
  /** Scopes declared today, by credential. */
  readonly declaredScopes: Readonly<Record<string, readonly string[]>>;
  /** Patterns of names that people look after themselves. */
  readonly knownKeys: readonly string[];
}

export const INVENTORY_RULES = ['unmanaged_key', 'name_against_convention', 'undeclared_key', 'scopes_wider_than_declared', 'key_missing', 'revoked_key_alive'] as const satisfies readonly RuleName[];
export type InventoryRule = (typeof INVENTORY_RULES)[number];

/** The key as the issuer lists it; one that it does not list as the ledger knows it. */
export interface InventoryFinding extends Pick<ListedKey, 'id' | 'name' | 'prefix' | 'scopes'> {
  readonly rule: InventoryRule;
  /** The ledger's key; null for one that it does not know. */
  readonly known: KeyRecord | null;
  /** A sentence or two. */
  readonly message: string;
}

/** How many keys an account may have, and has. */
export interface KeyRoom {
  /** Null where there is none, or none is known. */
  readonly keyLimit: number | null;
  readonly liveKeys: number;
  /** Of these: those that go, or replace one that goes, once the rotations under way are over. */
  readonly passing: number;
  /** Where a person raises the limit, an imperative clause. */
  readonly raiseLimit: string | null;
}

/** A living current key, as its issuer lists it. */
export interface CurrentKey {
  readonly key: KeyRecord;
  readonly lastUsedAt: Date | null;
}

/** Of a condemned key it is only good when it is gone. */
const LIVE_STATES = ['staged', 'current', 'draining'];

export function takeInventory(facts: InventoryFacts): readonly InventoryFinding[] {
  const live = facts.listed.filter((key) => key.live);
  const byId = new Map(facts.known.map((key) => [key.issuerKeyId, key]));
  return [
    ...live.filter((key) => !byId.has(key.id) && !matchesAny(facts.knownKeys, key.name)).flatMap(unmanaged),
    ...live.flatMap((key) => undeclared(key, byId.get(key.id), facts)),
    ...live.flatMap((key) => drifted(key, byId.get(key.id), facts)),
    ...missing(facts, new Set(live.map((key) => key.id))),
    ...live.flatMap((key) => alive(key, byId.get(key.id), facts)),
  ];
}

function of({ id, name, prefix, scopes }: Omit<ListedKey, 'live'>, known: KeyRecord | null, rule: InventoryRule, message: string): InventoryFinding {
  return { rule, id, name, prefix, scopes, known, message };
}

function unmanaged(key: ListedKey): InventoryFinding[] {
  const found = of(key, null, 'unmanaged_key', `${key.name} (${key.id}) was not made by Keyturn and belongs to no credential.`);
  const problem = conventionProblem(key.name);
  return problem === null ? [found] : [found, of(key, null, 'name_against_convention', problem)];
}

/** A credential that was taken out of the configuration leaves its key alive: it may still be in use, so a person must say. */
function undeclared(key: ListedKey, known: KeyRecord | undefined, { declaredScopes }: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'current' || declaredScopes[known.credential] !== undefined || isDrill(known.credential)) return [];
  return [of(key, known, 'undeclared_key', `${key.name} (${key.id}) is alive, and the configuration does not declare its credential ${known.credential} any more.`)];
}

function drifted(key: ListedKey, known: KeyRecord | undefined, facts: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'current') return [];
  const declared = facts.declaredScopes[known.credential];
  if (declared === undefined || [...declared].sort().join() === [...key.scopes].sort().join()) return [];
  return [of(key, known, 'scopes_wider_than_declared', `${known.credential}: its key has [${key.scopes.join(', ')}], declared are [${declared.join(', ')}].`)];
}

function missing(facts: InventoryFacts, live: ReadonlySet<string>): InventoryFinding[] {
  return facts.known
    .filter((key) => key.createdAt < facts.shownUntil && LIVE_STATES.includes(key.state) && facts.declaredScopes[key.credential] !== undefined && !live.has(key.issuerKeyId))
    .map((key) => of({ ...key, id: key.issuerKeyId }, key, 'key_missing', `${key.credential}: its ${key.state} key ${key.issuerKeyId} is not listed any more.`));
}

/** A revoke that was answered although nothing was revoked, as by another account or a proxy. */
function alive(key: ListedKey, known: KeyRecord | undefined, { shownUntil }: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'revoked' || known.revokedAt === null || known.revokedAt >= shownUntil) return [];
  return [of(key, known, 'revoked_key_alive', `${key.name} (${key.id}) is alive, although its revocation was confirmed at ${known.revokedAt.toISOString()}.`)];
}
