/** Live keys at the issuer that this installation made and that nobody looks after any more. */
import { attemptNameIn } from '../../core/facts.ts';
import { attemptBase, parseAttemptName } from '../../core/naming.ts';
import { matchesAny } from '../../core/pattern.ts';
import type { Fingerprint } from '../../core/secret.ts';
import type { KeyRecord, KeyState } from '../../core/vocabulary.ts';
import type { IssuedKey } from '../../ports/issuer.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import { payDebt } from '../debts.ts';
import type { Engine } from '../engine.ts';
import { readPlaces } from '../evidence.ts';
import { failed, leftAlone, settled, type Disorder, type Finder, type Outcome } from './disorder.ts';
import { tooFresh, viewIssuers, type IssuerView } from './issuer-view.ts';

const LOOKED_AFTER: readonly KeyState[] = ['staged', 'current', 'draining'];

export const findOrphans: Finder = async (engine, records, signal) => {
  const views = await viewIssuers(engine, records, signal);
  const found = await Promise.all(views.flatMap((view) => view.live.map((key) => consider(engine, view, key, signal))));
  return found.filter((disorder) => disorder !== null);
};

/** Null for a key that is in order. */
async function consider(engine: Engine, view: IssuerView, key: IssuedKey, signal: AbortSignal): Promise<Disorder | null> {
  const record = view.known.find((one) => one.issuerKeyId === key.id);
  if (lookedAfter(view, key, record)) return null;
  if (record === undefined && parseAttemptName(key.name)?.installation !== view.installation) return foreign(view, key);
  if (record === undefined && (await knownElsewhere(engine, view, key))) return null;
  const owner = ownerOf(view, key, record);
  const orphan = { ...common(view, key), level: 'problem' as const, message: `${key.name} (${key.id}) is alive, was made by this installation, and no credential or rotation looks after it${record === undefined ? '' : `; the ledger calls it ${record.state}`}.` };
  const doubt = owner === null ? 'its name fits no declared credential of this issuer, or several, so nobody can say which stores may hold it' : ((await doubtAbout(engine, owner, record, signal)) ?? (await servedElsewhere(engine, view, record, signal)));
  if (owner === null || doubt !== null) return { ...orphan, leftAlone: doubt, settle: null };
  return {
    ...orphan, leftAlone: null,
    settle: {
      does: 'make its revocation a debt, and try to pay it at once',
      safe: `every store of ${owner.name} was read and none holds it; they are read again right before the revoke`,
      act: (actor, within) => revoke(engine, { key, record, owner, issuer: view.issuer.name }, actor, within),
    },
  };
}

function common(view: IssuerView, key: IssuedKey): Pick<Disorder, 'scope' | 'what' | 'subject' | 'name'> {
  return { scope: view.issuer.name, what: key.id, subject: 'key', name: `${view.issuer.name}: ${key.name}` };
}

/** A living key of a credential, one that is being minted, one whose revocation is under way, or one that the list shows too late. */
function lookedAfter(view: IssuerView, key: IssuedKey, record: KeyRecord | undefined): boolean {
  if (view.debts.some((debt) => debt.issuerKeyId === key.id)) return true;
  if (view.open.some((rotation) => attemptNameIn(rotation.notes) === key.name)) return true;
  if (record === undefined) return false;
  return LOOKED_AFTER.includes(record.state) || tooFresh(view, record.revokedAt);
}

/**
 * Two issuers of the configuration may be one account, and an issuer may have been given another name: the ledger then has the key
 * under that other issuer. An attempt's name occurs once in an installation, so it tells.
 */
async function knownElsewhere({ ledger }: Engine, { installation }: IssuerView, key: IssuedKey): Promise<boolean> {
  const base = parseAttemptName(key.name)?.base;
  const fitting = (await ledger.credentials()).filter(({ plan }) => attemptBase(plan.keyName, installation) === base);
  const keys = (await Promise.all(fitting.map(({ name }) => ledger.keysOf(name)))).flat();
  return keys.some((one) => one.name === key.name && LOOKED_AFTER.includes(one.state));
}

/** Keys of people and of other installations are listed, so that everybody sees that they were seen; never touched. */
function foreign(view: IssuerView, key: IssuedKey): Disorder | null {
  if (view.records.some(({ plan }) => matchesAny(plan.knownKeys, key.name))) return null;
  const other = parseAttemptName(key.name);
  const why = other === null ? 'it was not made by Keyturn' : `it was made by another installation of Keyturn (${other.installation})`;
  return { ...common(view, key), level: 'ok', message: `${key.name} (${key.id}) is alive, and none of this installation.`, leftAlone: why, settle: null };
}

/** By the ledger, by the watch on its name, or by the credential whose keys are named like it. */
function ownerOf(view: IssuerView, key: IssuedKey, record: KeyRecord | undefined): CredentialRecord | null {
  const watch = view.watches.find((one) => one.name === key.name);
  const name = record?.credential ?? watch?.credential;
  if (name !== undefined) return view.records.find((one) => one.name === name) ?? null;
  const base = parseAttemptName(key.name)?.base;
  const fitting = view.records.filter(({ plan }) => attemptBase(plan.keyName, view.installation) === base);
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

/** Why it may be in use after all; null when every store was read and none holds it, and its binding is no guess. */
async function doubtAbout(engine: Engine, owner: CredentialRecord, record: KeyRecord | undefined, signal: AbortSignal): Promise<string | null> {
  if (record?.proven === false) return 'no call has ever proved that this key id is the stored value; an unproved binding is never revoked automatically';
  const { places } = await engine.plugins(owner.plan);
  const reads = await readPlaces(engine, places, signal);
  const known = new Set((await engine.ledger.keysOf(owner.name)).map((key) => key.fingerprint));
  for (const { place, view, error } of reads) {
    if (view === null) return `${place.store.describe} cannot be read, so nobody can say what it serves: ${error}`;
    const read = view.slots.filter((slot) => slot.role === 'current' || slot.role === 'backup').map((slot): Fingerprint => engine.fingerprint(slot.value));
    if (record?.fingerprint != null && read.includes(record.fingerprint)) return `${place.store.describe} serves it; publish the current key there first: \`keyturn publish ${owner.name}\``;
    if (record?.fingerprint == null && read.some((print) => !known.has(print))) return `${place.store.describe} serves a value that the ledger does not know, and it may be this key; bind that one first: \`keyturn adopt ${owner.name} --key-id <id>\``;
  }
  return null;
}

/** Of a key whose value is known by its fingerprint: no store of any other credential serves it either. */
async function servedElsewhere(engine: Engine, view: IssuerView, record: KeyRecord | undefined, signal: AbortSignal): Promise<string | null> {
  if (record?.fingerprint == null) return null;
  for (const { name, plan } of view.records) {
    const reads = await readPlaces(engine, (await engine.plugins(plan)).places, signal);
    const place = reads.find((read) => read.view?.slots.some((slot) => slot.role === 'current' && engine.fingerprint(slot.value) === record.fingerprint));
    if (place !== undefined) return `${place.place.store.describe} of ${name} serves it`;
  }
  return null;
}

interface Orphan {
  readonly key: IssuedKey;
  readonly record: KeyRecord | undefined;
  readonly owner: CredentialRecord;
  readonly issuer: string;
}

async function revoke(engine: Engine, { key, record, owner, issuer }: Orphan, actor: Parameters<Engine['ledger']['addOrphan']>[1], signal: AbortSignal): Promise<Outcome> {
  const debt = await engine.ledger.addOrphan({ credential: owner.name, issuer, issuerKeyId: key.id, fingerprint: record?.fingerprint ?? null, cause: 'orphan', rotationId: null, notBeforeMs: 0 }, actor);
  if (debt === null) return leftAlone('it is looked after by now: it became a living key, or its revocation is a debt already');
  const outcome = await payDebt(engine, debt, signal);
  if (outcome === 'paid') return settled('it is revoked');
  const { lastError } = (await engine.ledger.debt(debt.id)) ?? { lastError: null };
  return failed(`its revocation is a debt now, tried until it is paid${lastError === null ? '' : `; not yet: ${lastError}`}`);
}
