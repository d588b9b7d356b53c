/** Regular upkeep: the issuer's list against the ledger, watched names, and what stores serve between rotations. */
import { inventoryNotice, storeDrift } from '../alerts/notices.ts';
import { days, hours } from '../core/duration.ts';
import { attemptNameIn } from '../core/facts.ts';
import { takeInventory } from '../core/inventory.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { IssuedKey } from '../ports/issuer.ts';
import type { CredentialRecord, NewDebt } from '../ports/ledger.ts';
import { declaredPages } from './declared.ts';
import type { Engine } from './engine.ts';
import { driftOf, repair } from './repair.ts';

const REPEAT_INVENTORY_MS = days(7);
const REPEAT_DRIFT_MS = hours(24);

/** Compares one issuer's list with the ledger, settles watched names into debts, and tells people what is unusual. */
export async function inventory(engine: Engine, issuerName: string, signal: AbortSignal): Promise<void> {
  const [first] = await engine.ledger.declaredCredentials({ issuer: issuerName }, { limit: 1 });
  if (first === undefined) return;
  const { issuer } = await engine.plugins(first.plan);
  const shownUntil = new Date((await engine.ledger.now()).getTime() - issuer.capabilities.listLagMs);
  const [account, listed] = await Promise.all([issuer.inspect(signal), issuer.list(signal)]);
  const open = await engine.ledger.rotations({ open: true }, { limit: 10_000 });
  const known = await engine.ledger.keysOfIssuer(issuer.name);
  await settleWatches(engine, issuer.name, listed, known);
  const declaredScopes = known.length === 0 ? {} : await scopesOf(engine, issuer.name, new Set(known.map((key) => key.credential)));
  const minting = new Set(open.map((rotation) => attemptNameIn(rotation.notes)));
  const recorded = new Set(known.map((key) => key.issuerKeyId));
  // A key between its minting and the ledger's note of it is nobody's yet; once noted, it is a key as any other.
  const settled = listed.filter((key) => !minting.has(key.name) || recorded.has(key.id));
  const problems = takeInventory({ issuer: issuer.name, listed: settled, known, shownUntil, declaredScopes, keyLimit: account.keyLimit, knownKeys: first.plan.knownKeys });
  if (problems.length === 0) return;
  engine.log.warn({ issuer: issuer.name, findings: problems.map((problem) => problem.message) }, 'inventory differs from the ledger');
  await engine.ledger.notify(inventoryNotice({ issuer: issuer.name, problems }), await channelsOf(engine, issuer.name), REPEAT_INVENTORY_MS);
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

/** Wherever warnings about any credential of the issuer go. */
async function channelsOf({ ledger }: Engine, issuer: string): Promise<readonly string[]> {
  const channels = new Set<string>();
  for await (const page of declaredPages(ledger, { issuer })) {
    for (const channel of page.flatMap(({ plan }) => plan.channels.warning)) channels.add(channel);
  }
  return [...channels];
}

/**
 * A create that was given up can still land late: whatever appears under its name is an orphan, unless the ledger, asked in the
 * write itself, has it as a key that somebody looks after.
 */
async function settleWatches({ ledger, log }: Engine, issuer: string, listed: readonly IssuedKey[], keys: readonly KeyRecord[]): Promise<void> {
  const known = new Map(keys.map((key) => [key.issuerKeyId, key]));
  const maybe = ({ id }: IssuedKey): boolean => [undefined, 'staged'].includes(known.get(id)?.state);
  for (const watch of await ledger.watches(issuer)) {
    const found = listed.filter((key) => key.live && key.name === watch.name && maybe(key));
    if (found.length === 0) continue;
    const debts = found.map((key): NewDebt => ({ credential: watch.credential, issuer, issuerKeyId: key.id, fingerprint: known.get(key.id)?.fingerprint ?? null, cause: 'orphan', rotationId: null, notBeforeMs: 0 }));
    const orphans = await ledger.watchFound(watch, debts);
    if (orphans.length > 0) log.warn({ credential: watch.credential, name: watch.name, keys: orphans }, 'a lost create landed late; its key will be revoked');
  }
  await ledger.dropExpiredWatches();
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
