/** Revoking in an emergency, as people ask for it: whom they mean, what it would do, and doing it. */
import { describeError, KeyturnError } from '../core/errors.ts';
import { parseAttemptName } from '../core/naming.ts';
import { fatesOf, isLiving, mayServeOf, type Revocation } from '../core/revocation.ts';
import { urgently } from '../core/urgency.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { CredentialRecord, Rotation } from '../ports/ledger.ts';
import { declaredPages } from '../rotation/declared.ts';
import { requestEmergency } from '../rotation/emergency.ts';
import type { Context } from './context.ts';
import type { DoomedKey, OwnedRevocation, RequestedRotation, RevocationPlan, RevokeOptions, RevokeQuestion } from './operations.ts';
import { rotationSummary } from './views.ts';
import { keysById } from './keys.ts';

const LOOK_MS = 5_000;

interface Meant {
  readonly record: CredentialRecord;
  /** Null for every living key. */
  readonly key: KeyRecord | null;
}

/** Throws ALREADY_REVOKED where nothing is left to revoke, and what `meant` throws. */
export async function revoke(context: Context, what: string, actor: Actor, options: RevokeOptions = {}): Promise<RequestedRotation> {
  return await urgently(async () => {
    const { record, key } = await meant(context, what, options);
    return await revokeOne(context, record.name, key?.id, options.replace ?? true, actor);
  });
}

async function revokeOne(context: Context, credential: string, keyId: string | undefined, replace: boolean, actor: Actor): Promise<RequestedRotation> {
  const answer = await requestEmergency(context.engine, { credential, replace, ...(keyId === undefined ? {} : { keyId }) }, actor);
  if (answer.outcome === 'nothing') throw new KeyturnError('ALREADY_REVOKED', answer.why, { effect: 'none', todo: `\`keyturn keys --credential ${credential}\` shows its keys; \`keyturn rotate ${credential}\` gives it a new one.` });
  const [keys, now] = await Promise.all([keysById(context.ledger, [answer.rotation]), context.ledger.now()]);
  return { rotation: rotationSummary(answer.rotation, keys, now), created: answer.outcome === 'created' };
}

/** One that cannot be revoked keeps no other back: each says for itself. Throws UNKNOWN_NAME. */
export async function revokeOwned(context: Context, owner: string, replace: boolean, actor: Actor): Promise<readonly OwnedRevocation[]> {
  const answers: OwnedRevocation[] = [];
  for (const { name: credential } of await owned(context, owner)) {
    try {
      answers.push({ credential, requested: await revokeOne(context, credential, undefined, replace, actor), nothing: false, problem: null });
    } catch (error) {
      if (!(error instanceof KeyturnError)) context.engine.log.error({ err: error, credential }, 'an emergency could not be asked for');
      answers.push({ credential, requested: null, nothing: error instanceof KeyturnError && error.code === 'ALREADY_REVOKED', problem: describeError(error) });
    }
  }
  return answers;
}

async function owned({ ledger }: Context, owner: string): Promise<readonly CredentialRecord[]> {
  const records: CredentialRecord[] = [];
  for await (const page of declaredPages(ledger, { owner })) records.push(...page);
  if (records.length === 0) throw new KeyturnError('UNKNOWN_NAME', `No credential belongs to ${owner}.`, { effect: 'none', todo: 'See `keyturn status` for owners.' });
  return records;
}

/** From the ledger alone: it must answer at once, also while issuers and stores do not. Throws what `meant` throws. */
export async function revocationPlan(context: Context, { what, owner, replace = true, ...options }: RevokeQuestion): Promise<readonly RevocationPlan[]> {
  if (owner !== undefined) return await Promise.all((await owned(context, owner)).map((record) => planOf(context, { record, key: null }, replace)));
  return [await planOf(context, await meant(context, what ?? '', options), replace)];
}

async function planOf({ ledger }: Context, { record, key }: Meant, replace: boolean): Promise<RevocationPlan> {
  const [keys, open] = await Promise.all([ledger.keysOf(record.name), ledger.openRotation(record.name)]);
  const asked: Revocation = { keys: key === null ? 'every' : [key.id], replace: replace && record.declared };
  const fates = fatesOf(keys, asked, open === null ? undefined : mayServeOf(open));
  const shown = keys.filter((one) => isLiving(one) || one.state === 'condemned' || one.id === key?.id);
  return {
    credential: record.name, issuer: record.issuer, owner: record.owner, declared: record.declared,
    keys: shown.map((one) => doomed(one, fates)),
    places: record.plan.places.map((place) => place.id),
    openRotation: open === null ? null : { id: open.id, kind: open.kind, state: open.state },
    after: afterwards(record, fates, asked, open),
  };
}

function doomed(key: KeyRecord, { die, survivor, others }: ReturnType<typeof fatesOf>): DoomedKey {
  const { issuerKeyId, name, prefix, state } = key;
  const fate = die.includes(key) ? 'revoked' : others.includes(key) ? 'revoked_later' : key === survivor ? 'served' : state === 'condemned' ? 'revoked_later' : 'dead';
  return { issuerKeyId, name, prefix, state, fate };
}

function afterwards(record: CredentialRecord, { die, survivor }: ReturnType<typeof fatesOf>, { replace }: Revocation, open: Rotation | null): string {
  const where = record.plan.places.map((place) => place.id).join(', ');
  if (die.length === 0 && open === null && (replace || survivor !== null)) return 'Nothing is left to revoke.';
  if (survivor !== null) return `Nothing is created: ${where} go on with ${survivor.issuerKeyId}, or get it back.`;
  if (replace) return `A new key is created and published to ${where}; applications fail until then, usually seconds.`;
  return `Nothing is created, and applications that read ${where} fail for good. It stays without a key until \`keyturn rotate ${record.name}\`.`;
}

/**
 * What was typed: a credential, or a key by its issuer's id or Keyturn's. Throws USAGE where it may mean two things, UNKNOWN_CREDENTIAL
 * for nothing that is known anywhere, UNKNOWN_NAME for a key that is none of ours.
 */
async function meant(context: Context, what: string, { as, issuer }: RevokeOptions): Promise<Meant> {
  const { ledger } = context;
  const [record, named] = await Promise.all([as === 'key' ? null : ledger.credential(what), as === 'credential' ? [] : ledger.keysNamed(what)]);
  const keys = named.filter((key) => issuer === undefined || key.issuer === issuer);
  const [key, another] = keys;
  if (key === undefined) refuseElsewhere(what, issuer, record === null ? named.map((one) => one.issuer) : [record.issuer]);
  if (record !== null && key === undefined) return { record: await known(context, record), key: null };
  if (record !== null && key !== undefined) throw ambiguous(`${what} is a credential, and the id of a key of ${key.credential}.`, 'Say which with `--as credential` or `--as key`.');
  if (key === undefined) throw await stranger(context, what, as);
  if (another !== undefined) throw ambiguous(`Keys of ${keys.map((one) => one.issuer).join(' and ')} have the id ${what}.`, 'Say which with `--issuer`.');
  const owner = await ledger.credential(key.credential);
  if (owner === null) throw new Error(`key ${key.id} belongs to no credential`);
  return { record: owner, key };
}

/** An issuer that was named and is not the right one: who typed it may mean another key. */
function refuseElsewhere(what: string, issuer: string | undefined, at: readonly string[]): void {
  if (issuer === undefined || at.length === 0 || at.includes(issuer)) return;
  throw new KeyturnError('UNKNOWN_NAME', `${what} is at ${at.join(' and ')}, not at ${issuer}. Nothing was revoked.`, { effect: 'none', todo: `Leave \`--issuer\` out if you mean that one, or say \`--issuer ${at[0] ?? ''}\`.` });
}

function ambiguous(happened: string, todo: string): KeyturnError {
  return new KeyturnError('USAGE', `${happened} Nothing was revoked.`, { effect: 'none', todo });
}

/** One that left the configuration may still have living keys, and then they can be revoked. */
async function known(context: Context, record: CredentialRecord): Promise<CredentialRecord> {
  if (record.declared || (await context.ledger.keysOf(record.name)).some(isLiving)) return record;
  throw await undeclared(context, record.name);
}

async function undeclared({ ledger }: Context, what: string): Promise<KeyturnError> {
  const names = (await ledger.declaredCredentials({}, { limit: 21 })).map((one) => one.name);
  return new KeyturnError('UNKNOWN_CREDENTIAL', `No credential named ${what} is declared, and no key of Keyturn's has that id.`, {
    effect: 'none', todo: names.length === 0 ? 'The configuration declares none.' : `Declared: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`,
  });
}

/** A key that people made, or another installation, is never touched; who asks is told what it is and what to do. */
async function stranger(context: Context, id: string, as: RevokeOptions['as']): Promise<KeyturnError> {
  const found = as === 'credential' ? [] : (await Promise.all((await context.ledger.issuers()).map((issuer) => listedAt(context, issuer, id)))).flat();
  const [key] = found;
  if (key === undefined) return await undeclared(context, id);
  const by = parseAttemptName(key.name);
  const ours = by?.installation === (await context.ledger.installation());
  const whose = by === null ? 'Keyturn did not make it' : ours ? 'this installation made it, and nobody looks after it' : `another installation of Keyturn made it (${by.installation})`;
  const todo = ours ? '`keyturn doctor --settle` revokes it; if it has leaked, revoke it at the issuer by hand now.' : `Revoke it at ${key.issuer} by hand${by === null ? ', or where it was made' : ', or ask that installation to'}.`;
  return new KeyturnError('UNKNOWN_NAME', `Key ${id} (${key.name}) is alive at ${key.issuer}, and ${whose}: Keyturn does not touch it.`, { effect: 'none', todo });
}

async function listedAt({ ledger, engine }: Context, issuer: string, id: string): Promise<readonly { readonly name: string; readonly issuer: string }[]> {
  const [first] = await ledger.declaredCredentials({ issuer }, { limit: 1 });
  if (first === undefined) return [];
  try {
    const plugins = await engine.plugins(first.plan);
    const listed = await plugins.issuer.list(AbortSignal.timeout(LOOK_MS));
    return listed.filter((key) => key.id === id && key.live).map(({ name }) => ({ name, issuer }));
  } catch {
    return [];
  }
}
