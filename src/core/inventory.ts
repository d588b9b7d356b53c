/** The issuer's list against the ledger. Pure; nothing here touches a key that Keyturn did not make. */
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
  readonly keyLimit: number | null;
  /** Patterns of names that people look after themselves. */
  readonly knownKeys: readonly string[];
}

export interface InventoryFinding {
  readonly what: 'unmanaged' | 'undeclared' | 'name' | 'scopes' | 'limit' | 'missing' | 'alive';
  /** Name or label of the key it is about; null for the issuer as a whole. */
  readonly key: string | null;
  readonly message: string;
}

const LIVE_STATES = ['staged', 'current', 'draining', 'condemned'];

export function takeInventory(facts: InventoryFacts): readonly InventoryFinding[] {
  const live = facts.listed.filter((key) => key.live);
  const byId = new Map(facts.known.map((key) => [key.issuerKeyId, key]));
  return [
    ...live.filter((key) => !byId.has(key.id) && !matchesAny(facts.knownKeys, key.name)).flatMap(unmanaged),
    ...live.flatMap((key) => undeclared(key, byId.get(key.id), facts)),
    ...live.flatMap((key) => drifted(key, byId.get(key.id), facts)),
    ...missing(facts, new Set(live.map((key) => key.id))),
    ...live.flatMap((key) => alive(key, byId.get(key.id), facts)),
    ...limit(facts, live.length),
  ];
}

function unmanaged(key: ListedKey): InventoryFinding[] {
  const found: InventoryFinding[] = [{ what: 'unmanaged', key: key.name, message: `${key.name} (${key.id}) was not made by Keyturn and belongs to no credential.` }];
  const problem = conventionProblem(key.name);
  return problem === null ? found : [...found, { what: 'name', key: key.name, message: problem }];
}

/** A credential that was taken out of the configuration leaves its key alive: it may still be in use, so a person must say. */
function undeclared(key: ListedKey, known: KeyRecord | undefined, { declaredScopes }: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'current' || declaredScopes[known.credential] !== undefined) return [];
  return [{ what: 'undeclared', key: key.name, message: `${key.name} (${key.id}) is alive, and the configuration does not declare its credential ${known.credential} any more: nobody rotates it. Declare it again, or revoke the key at the issuer.` }];
}

function drifted(key: ListedKey, known: KeyRecord | undefined, facts: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'current') return [];
  const declared = facts.declaredScopes[known.credential];
  if (declared === undefined || [...declared].sort().join() === [...key.scopes].sort().join()) return [];
  return [{ what: 'scopes', key: key.name, message: `${known.credential}: its key has [${key.scopes.join(', ')}], declared are [${declared.join(', ')}]. Scopes cannot be changed on a key: rotate it.` }];
}

function missing(facts: InventoryFacts, live: ReadonlySet<string>): InventoryFinding[] {
  return facts.known
    .filter((key) => key.createdAt < facts.shownUntil && LIVE_STATES.includes(key.state) && key.state !== 'condemned' && facts.declaredScopes[key.credential] !== undefined && !live.has(key.issuerKeyId))
    .map((key) => ({ what: 'missing', key: key.name, message: `${key.credential}: its ${key.state} key ${key.issuerKeyId} is not listed any more; somebody revoked it without Keyturn, or the admin key is of another account.` }));
}

/** A revoke that was answered although nothing was revoked, as by another account or a proxy. */
function alive(key: ListedKey, known: KeyRecord | undefined, { shownUntil }: InventoryFacts): InventoryFinding[] {
  if (known?.state !== 'revoked' || known.revokedAt === null || known.revokedAt >= shownUntil) return [];
  return [{ what: 'alive', key: key.name, message: `${key.name} (${key.id}) is alive, although its revocation was confirmed at ${known.revokedAt.toISOString()}. Revoke it at the issuer, or have \`keyturn doctor --settle\` do it, and find out who answered for the issuer then.` }];
}

function limit(facts: InventoryFacts, liveKeys: number): InventoryFinding[] {
  if (facts.keyLimit === null || liveKeys < facts.keyLimit - (facts.keyLimit > 5 ? 2 : 0)) return [];
  return [{ what: 'limit', key: null, message: `${liveKeys} of ${facts.keyLimit} keys are live; a rotation needs room for one more.` }];
}
