/**
 * Adoption: how a key that exists already becomes a credential's current one. A prefix identifies nothing, so the key
 * is named (by id or by name) and then proved: a call with the stored value must show up under that key at the issuer.
 */
import { seconds } from '../core/duration.ts';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Adoption, CredentialPlan } from '../core/plan.ts';
import type { Secret } from '../core/secret.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { IssuedKey, Issuer } from '../ports/issuer.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { Engine, Plugins } from './engine.ts';
import { currentOf, readPlaces } from './evidence.ts';

export type Binding =
  | { readonly outcome: 'bound'; readonly key: KeyRecord }
  /** No store serves anything: the credential needs its first key. */
  | { readonly outcome: 'bootstrap' }
  | { readonly outcome: 'unbound'; readonly code: string; readonly why: string; readonly todo: string };

/** Finds what the credential's stores serve, and binds it to a key of the issuer when that can be proved. Changes the ledger only when bound. */
export async function bind(engine: Engine, plan: CredentialPlan, adoption: Adoption | null, actor: Actor, signal: AbortSignal): Promise<Binding> {
  const look = await lookForBinding(engine, plan, adoption, signal);
  if (look.outcome !== 'candidate') return look;
  const { plugins, value, key } = look;
  const verdict = await proveBinding(plugins.issuer, value, key, signal);
  if (verdict !== 'proven') return notProved(plan, key, verdict);
  const record = await engine.ledger.adopt(
    {
      credential: plan.credential, issuer: plan.issuer.name, issuerKeyId: key.id, name: key.name, prefix: key.prefix,
      fingerprint: engine.fingerprint(value), scopes: key.scopes, state: 'current', proven: true, rotationId: null, createdAt: key.createdAt,
    },
    actor,
    { proof: 'a call with the stored value showed up under this key at the issuer' },
  );
  engine.log.info({ credential: plan.credential, key: key.id }, 'key adopted as current');
  return { outcome: 'bound', key: record };
}

const BOUND_WITHIN_MS = seconds(60);

/**
 * The credential as it is once bound: one that was never scheduled yet may still have a key to adopt, which would live on while people take it
 * for replaced. Throws BLOCKED, with `otherwise` added to what is to be done, where nobody can tell which key its stores serve.
 */
export async function bound(engine: Engine, record: CredentialRecord, actor: Actor, otherwise = ''): Promise<CredentialRecord> {
  if (record.currentKeyId !== null || (await engine.ledger.keysOf(record.name)).length > 0) return record;
  const binding = await bind(engine, record.plan, record.plan.adopt, actor, AbortSignal.timeout(BOUND_WITHIN_MS));
  const now = (await engine.ledger.credential(record.name)) ?? record;
  // The sweep may have bound it in the same moment.
  if (binding.outcome === 'unbound' && now.currentKeyId === null) throw new KeyturnError('BLOCKED', binding.why, { effect: 'none', todo: `${binding.todo}${otherwise}` });
  return now;
}

type Candidate = { readonly outcome: 'candidate'; readonly plugins: Plugins; readonly value: Secret; readonly key: IssuedKey };

/** The same without the proof, which is itself a use of the key: for `plan`, which changes nothing. */
export async function lookForBinding(engine: Engine, plan: CredentialPlan, adoption: Adoption | null, signal: AbortSignal): Promise<Exclude<Binding, { outcome: 'bound' }> | Candidate> {
  const plugins = await engine.plugins(plan);
  const served = await servedValues(engine, plan, plugins, signal);
  if ('problem' in served) return unbound('store_unreadable', served.problem, 'See `keyturn doctor`.');
  const value = served.values[0];
  if (value === undefined) return nothingServed(plan, adoption);
  if (served.values.length > 1) {
    return unbound('stores_disagree', `The stores of ${plan.credential} serve different values, so no key can be bound to it.`, 'Put one value into all of them, or declare only the stores that hold the right one.');
  }
  if (adoption === null) {
    return unbound('unbound_value', `The stores of ${plan.credential} serve a value, and nothing says which key it is.`, `Name it with \`keyturn adopt ${plan.credential} --key-id <id>\`, or with \`adopt: {keyId: …}\` in the configuration.`);
  }
  return await findCandidate(plan, plugins, value, adoption, signal);
}

async function servedValues(engine: Engine, plan: CredentialPlan, plugins: Plugins, signal: AbortSignal): Promise<{ values: readonly Secret[] } | { problem: string }> {
  const reads = await readPlaces(engine, plugins.places, signal);
  const unreadable = reads.find((read) => read.view === null);
  if (unreadable !== undefined) return { problem: `${unreadable.place.store.describe} cannot be read: ${unreadable.error}` };
  const known = new Set((await engine.ledger.keysOf(plan.credential)).map((key) => key.fingerprint));
  const values = new Map<string, Secret>();
  for (const { view } of reads) {
    const current = view === null ? undefined : currentOf(view);
    if (current === undefined) continue;
    const print = engine.fingerprint(current.value);
    // A key of ours that died (lost, or revoked in an emergency) is no binding: it is to be replaced.
    if (!known.has(print)) values.set(print, current.value);
  }
  return { values: [...values.values()] };
}

function nothingServed(plan: CredentialPlan, adoption: Adoption | null): Exclude<Binding, { outcome: 'bound' }> {
  if (adoption === null) return { outcome: 'bootstrap' };
  return unbound('value_missing', `Key ${adoption.value} is to be adopted for ${plan.credential}, but none of its stores holds a value.`, 'Put the value into a store, or remove `adopt` so that a new key is minted.');
}

async function findCandidate(plan: CredentialPlan, plugins: Plugins, value: Secret, adoption: Adoption, signal: AbortSignal): Promise<Exclude<Binding, { outcome: 'bound' | 'bootstrap' }> | Candidate> {
  let keys: readonly IssuedKey[];
  try {
    keys = await plugins.issuer.list(signal);
  } catch (error) {
    return unbound('issuer_unavailable', `${plan.issuer.name} cannot list its keys: ${describeError(error)}`, 'See `keyturn doctor`.');
  }
  const named = keys.filter((key) => key.live && (adoption.by === 'key-id' ? key.id : key.name) === adoption.value);
  const key = named[0];
  if (key === undefined) return unbound('no_such_key', `${plan.issuer.name} lists no live key with ${adoption.by} ${adoption.value}.`, 'See `keyturn keys` for what it lists.');
  if (named.length > 1) return unbound('ambiguous', `${named.length} keys at ${plan.issuer.name} are named ${adoption.value}.`, `Name one by id: \`keyturn adopt ${plan.credential} --key-id <id>\`.`);
  return { outcome: 'candidate', plugins, value, key };
}

/** The issuer's own trail where it has one; else the key's last use must stand still without a call of ours and move with it. */
async function proveBinding(issuer: Issuer, value: Secret, key: IssuedKey, signal: AbortSignal): Promise<'proven' | 'refuted' | 'unknown'> {
  const trail = (await issuer.prove?.(value, key.id, signal)) ?? 'unknown';
  if (trail !== 'unknown' || !issuer.capabilities.lastUse) return trail;
  const lastUse = async (): Promise<number> => (await issuer.list(signal)).find((k) => k.id === key.id)?.lastUsedAt?.getTime() ?? 0;
  const [first, second] = [await lastUse(), await lastUse()];
  if (first !== second) return 'unknown';
  const probe = await issuer.probe(value, signal);
  if (!probe.works) return probe.conclusive ? 'refuted' : 'unknown';
  return (await lastUse()) > second ? 'proven' : 'unknown';
}

function notProved(plan: CredentialPlan, key: IssuedKey, verdict: 'refuted' | 'unknown'): Binding {
  if (verdict === 'refuted') {
    return unbound('refuted', `The value in the stores of ${plan.credential} is not key ${key.id} (${key.name}): a call with it did not show up there.`, 'Look for the right key id with `keyturn keys`.');
  }
  return unbound('unproven', `It could not be proved that the value in the stores of ${plan.credential} is key ${key.id} (${key.name}).`, 'Try again when the key is less busy, or mint a new key and remove the old one by hand.');
}

function unbound(code: string, why: string, todo: string): { outcome: 'unbound'; code: string; why: string; todo: string } {
  return { outcome: 'unbound', code, why, todo };
}
