/** Regular upkeep: the issuer's list against the ledger, watched names, and what stores serve between rotations. People hear of what it finds by rules (src/usage/rules). */
import { storeDrift } from '../alerts/notices.ts';
import { hours } from '../core/duration.ts';
import { attemptNameIn } from '../core/facts.ts';
import { takeInventory, type CurrentKey, type InventoryFinding, type KeyRoom } from '../core/inventory.ts';
import type { KeyRecord, KeyState } from '../core/vocabulary.ts';
import type { IssuedKey, IssuerAccount } from '../ports/issuer.ts';
import type { CredentialRecord, NewDebt } from '../ports/ledger.ts';
import { declaredPages } from './declared.ts';
import type { Engine } from './engine.ts';
import { driftOf, repair } from './repair.ts';

const REPEAT_DRIFT_MS = hours(24);

/** What an inventory of one issuer showed. */
export interface Taken {
  readonly issuer: string;
  readonly found: readonly InventoryFinding[];
  readonly room: KeyRoom;
  /** Living keys that are some declared credential's current one, with their last use as far as the issuer tells. */
  readonly current: readonly CurrentKey[];
  /** The issuer tells last use: a key without one was never used. */
  readonly tellsLastUse: boolean;
}

/** Compares one issuer's list with the ledger, and settles watched names into debts. Null where nothing of it is declared. */
export async function inventory(engine: Engine, issuerName: string, signal: AbortSignal): Promise<Taken | null> {
  const [first] = await engine.ledger.declaredCredentials({ issuer: issuerName }, { limit: 1 });
  if (first === undefined) return null;
  const { issuer } = await engine.plugins(first.plan);
  const shownUntil = new Date((await engine.ledger.now()).getTime() - issuer.capabilities.listLagMs);
  const [account, listed] = await Promise.all([issuer.inspect(signal), issuer.list(signal)]);
  const open = await engine.ledger.rotations({ open: true }, { limit: 10_000 });
  const known = await engine.ledger.keysOfIssuer(issuer.name);
  const orphans = await settleWatches(engine, issuer.name, listed, known);
  const declaredScopes = known.length === 0 ? {} : await scopesOf(engine, issuer.name, new Set(known.map((key) => key.credential)));
  const minting = new Set(open.map((rotation) => attemptNameIn(rotation.notes)));
  const recorded = new Set(known.map((key) => key.issuerKeyId));
  // A key between its minting and the ledger's note of it is nobody's yet, and an orphan is about to die; once noted, it is a key as any other.
  const settled = listed.filter((key) => recorded.has(key.id) || !(minting.has(key.name) || orphans.has(key.id)));
  const found = takeInventory({ issuer: issuer.name, listed: settled, known, shownUntil, declaredScopes, knownKeys: first.plan.knownKeys });
  if (found.length > 0) engine.log.warn({ issuer: issuer.name, findings: found.map(({ message }) => message) }, 'inventory differs from the ledger');
  return { issuer: issuer.name, found, room: roomOf(account, listed, known), current: currentKeys(listed, known, declaredScopes), tellsLastUse: issuer.capabilities.lastUse };
}

function roomOf({ keyLimit, liveKeys, raiseLimit = null }: IssuerAccount, listed: readonly IssuedKey[], known: readonly KeyRecord[]): KeyRoom {
  const states = new Map(known.map((key) => [key.issuerKeyId, key.state]));
  const passing = listed.filter(({ id, live }) => live && PASSING.includes(states.get(id) ?? 'current')).length;
  return { keyLimit, liveKeys, passing, raiseLimit };
}

/** Of two keys of a rotation one dies at its end. */
const PASSING: readonly KeyState[] = ['staged', 'draining', 'condemned'];

function currentKeys(listed: readonly IssuedKey[], known: readonly KeyRecord[], declared: Readonly<Record<string, unknown>>): readonly CurrentKey[] {
  const current = new Map(known.filter(({ state, credential }) => state === 'current' && declared[credential] !== undefined).map((key) => [key.issuerKeyId, key]));
  return listed.flatMap(({ id, live, lastUsedAt }) => {
    const key = live ? current.get(id) : undefined;
    return key === undefined ? [] : [{ key, lastUsedAt }];
  });
}

/** Scopes declared today, of an issuer's credentials that have had a key: there may be many, and most share one list. */
async function scopesOf({ ledger }: Engine, issuer: string, withKeys: ReadonlySet<string>): Promise<Readonly<Record<string, readonly string[]>>> {
  const scopes: Record<string, readonly string[]> = {};
  const alike = new Map<string, readonly string[]>();
  for await (const page of declaredPages(ledger, { issuer })) {
    for (const { name, plan } of page) {
      if (!withKeys.has(name)) continue;
      const text = JSON.stringify(plan.scopes);
      scopes[name] = alike.get(text) ?? plan.scopes;
      alike.set(text, scopes[name]);
    }
  }
  return scopes;
}

/**
 * A create that was given up can still land late: whatever appears under its name is an orphan, unless the ledger, asked in the
 * write itself, has it as a key that somebody looks after. Answers the ids of what it found.
 */
async function settleWatches({ ledger, log }: Engine, issuer: string, listed: readonly IssuedKey[], keys: readonly KeyRecord[]): Promise<ReadonlySet<string>> {
  const late = new Set<string>();
  const known = new Map(keys.map((key) => [key.issuerKeyId, key]));
  const maybe = ({ id }: IssuedKey): boolean => [undefined, 'staged'].includes(known.get(id)?.state);
  for (const watch of await ledger.watches(issuer)) {
    const found = listed.filter((key) => key.live && key.name === watch.name && maybe(key));
    if (found.length === 0) continue;
    for (const { id } of found) late.add(id);
    const debts = found.map((key): NewDebt => ({ credential: watch.credential, issuer, issuerKeyId: key.id, fingerprint: known.get(key.id)?.fingerprint ?? null, cause: 'orphan', rotationId: null, notBeforeMs: 0 }));
    const orphans = await ledger.watchFound(watch, debts);
    if (orphans.length > 0) log.warn({ credential: watch.credential, name: watch.name, keys: orphans }, 'a lost create landed late; its key will be revoked');
  }
  await ledger.dropExpiredWatches();
  return late;
}

/**
 * Between rotations every place serves the current key. A place that went back to an older key of ours
 * is repaired (a worker that froze in a promotion may wake at any time); a value of somebody else's is reported.
 */
export async function repairStores(engine: Engine, record: CredentialRecord, signal: AbortSignal): Promise<void> {
  for (const drifted of await driftOf(engine, record, signal)) {
    const { fact, value, current } = drifted;
    if (fact.serving === 'foreign') await tellDrift(engine, record, fact.describe, 'a value that the ledger does not know', false);
    if (fact.serving !== 'ours') continue;
    const problem = value === null ? 'no store holds the current value' : await repair(engine, record, { ...drifted, value }, `repair:${current.id}`, signal);
    await tellDrift(engine, record, fact.describe, 'an older key of this credential', problem === null);
  }
}

async function tellDrift(engine: Engine, record: CredentialRecord, place: string, found: string, repaired: boolean): Promise<void> {
  const notice = storeDrift({ credential: record.name, issuer: record.issuer, owner: record.owner, rotationId: null, place, expected: 'the current key', found, repaired });
  engine.log.warn({ credential: record.name, place, found, repaired }, 'a store drifted');
  await engine.ledger.notify(notice, record.plan.channels[notice.severity], REPEAT_DRIFT_MS);
}
