/**
 * One rotation as a careful person would do it: the calls of a Keyturn rotation to the issuer and the stores, with the same
 * plug-ins and in the same order, and nothing besides. The benchmark fails when the two no longer make the same calls.
 */
import type { Secret } from '../../src/core/secret.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import type { StoreSlot, StoreView } from '../../src/ports/store.ts';
import type { Place, Plugins } from '../../src/rotation/engine.ts';

export interface HeldKey {
  readonly id: string;
  readonly value: Secret;
}

const BOUND_MS = 30_000;

export async function mintFirst(plan: CredentialPlan, plugins: Plugins, name: string): Promise<HeldKey> {
  return await mintAndPublish(plan, plugins, name);
}

/** Replaces `old`: preflight, mint, stage, prove, promote, read back, and only then revoke. */
export async function rotateByHand(plan: CredentialPlan, plugins: Plugins, name: string, old: HeldKey): Promise<HeldKey> {
  const { issuer, places } = plugins;
  await Promise.all([
    Promise.all([issuer.inspect(bound()), issuer.list(bound())]),
    Promise.all([readAll(places), Promise.all(places.map(({ store }) => store.probe(bound())))]),
  ]);
  await issuer.probe(old.value, bound());
  const fresh = await mintAndPublish(plan, plugins, name);
  await readAll(places); // applications are healthy on the new key
  await readAll(places); // the overlap is over
  await readAll(places); // right before the revoke
  for (const { store } of places) await store.retire((slot) => slot.role !== 'current' && slot.value.equals(old.value), 'superseded', bound());
  await readAll(places);
  await issuer.revoke(old.id, bound());
  return fresh;
}

async function mintAndPublish(plan: CredentialPlan, { issuer, places, keyChecks }: Plugins, name: string): Promise<HeldKey> {
  const record = places.find((place) => place.ofRecord)?.store;
  if (record === undefined) throw new Error('a plan has exactly one place of record');
  await record.read(bound()); // nothing of an earlier attempt is staged
  const { key, value } = await issuer.create({ name, scopes: plan.scopes, space: plan.space }, bound());
  await record.stage(name, value, bound());
  const staged = (await record.read(bound())).slots.find((slot) => slot.role === 'staged' && slot.attempt === name);
  await issuer.list(bound());
  for (const check of keyChecks) await mustPass(check.run({ credential: plan.credential, rotationId: name }, mustServe(staged, value), bound()));
  await publish(places, name, value);
  return { id: key.id, value };
}

/** The store of record first; every store is read before and after each write. */
async function publish(places: readonly Place[], attempt: string, value: Secret): Promise<void> {
  for (const place of [...places].sort((a, b) => Number(b.ofRecord) - Number(a.ofRecord))) {
    await readAll(places);
    const expect = (await readAll(places))[places.indexOf(place)]?.version ?? '';
    await place.store.promote({ attempt, value, expect, displaced: 'keep' }, bound());
  }
  for (const view of await readAll(places)) mustServe(view.slots.find((slot) => slot.role === 'current'), value);
}

async function readAll(places: readonly Place[]): Promise<readonly StoreView[]> {
  return await Promise.all(places.map(({ store }) => store.read(bound())));
}

function mustServe(slot: StoreSlot | undefined, value: Secret): Secret {
  if (slot?.value.equals(value) !== true) throw new Error('a store does not hold the new key');
  return slot.value;
}

async function mustPass(check: Promise<{ readonly ok: boolean; readonly detail: string }>): Promise<void> {
  const { ok, detail } = await check;
  if (!ok) throw new Error(`the new key did not pass its check: ${detail}`);
}

function bound(): AbortSignal {
  return AbortSignal.timeout(BOUND_MS);
}
