/** `keyturn publish`: fills places that do not serve the current key, without a rotation. */
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import { within, type Engine, type Plugins } from './engine.ts';
import { findValue, knownPrints, placeFacts, readPlaces, type ReadPlace } from './evidence.ts';

export interface Published {
  readonly place: string;
  readonly outcome: 'published' | 'already' | 'failed';
  readonly detail: string;
}

/**
 * Publishes the current key to every place that is empty or serves an older key of ours. A value that the ledger does not
 * know is left alone and reported. Compare and set, as ever. Throws ROTATION_OPEN, BLOCKED, LEDGER_NEWER.
 */
export async function publish(engine: Engine, record: CredentialRecord, actor: Actor, id: string, signal: AbortSignal): Promise<readonly Published[]> {
  await engine.ledger.ping();
  await refuseWhileRotating(engine, record);
  const current = record.currentKeyId === null ? null : await engine.ledger.key(record.currentKeyId);
  if (current?.fingerprint == null) throw new KeyturnError('BLOCKED', `${record.name} has no current key to publish.`, { todo: `Adopt one or rotate: \`keyturn rotate ${record.name}\`.` });
  const plugins = await engine.plugins(record.plan);
  const reads = await readPlaces(engine, plugins.places, signal);
  // One that came and went while the stores were read may have revoked what was current before.
  await refuseWhileRotating(engine, record);
  const value = findValue(reads, current.fingerprint, engine.fingerprint);
  if (value === null) throw new KeyturnError('BLOCKED', `No store of ${record.name} holds the value of its current key ${current.issuerKeyId}.`, { todo: `Rotate it: \`keyturn rotate ${record.name}\`.` });
  const facts = placeFacts(reads, knownPrints(current, null, await engine.ledger.keysOf(record.name)), engine.fingerprint);
  const results: Published[] = [];
  for (const [index, fact] of facts.entries()) {
    const read = reads[index];
    if (read !== undefined) results.push(await publishTo(engine, read, fact, value, id, signal));
  }
  await afterwards(engine, plugins, record, actor, id, results, signal);
  return results;
}

async function refuseWhileRotating({ ledger }: Engine, { name, currentKeyId }: CredentialRecord): Promise<void> {
  const [open, now] = await Promise.all([ledger.openRotation(name), ledger.credential(name)]);
  if (open === null && now?.currentKeyId === currentKeyId) return;
  throw new KeyturnError('ROTATION_OPEN', `A rotation of ${name} is open or just ended; it publishes by itself.`, { todo: 'Wait for it, then publish again if a store is still empty.' });
}

async function publishTo(engine: Engine, read: ReadPlace, fact: { serving: string; describe: string; detail: string }, value: Parameters<Plugins['places'][number]['store']['promote']>[0]['value'], id: string, signal: AbortSignal): Promise<Published> {
  const place = fact.describe;
  if (fact.serving === 'new') return { place, outcome: 'already', detail: 'serves the current key' };
  if (fact.serving === 'foreign') return { place, outcome: 'failed', detail: 'serves a value that the ledger does not know; remove it first if the current key is to replace it' };
  if (read.view === null) return { place, outcome: 'failed', detail: fact.detail };
  const { store } = read.place;
  try {
    await store.promote({ attempt: `publish:${id}`, value, expect: read.view.version, displaced: 'drop' }, within(engine, store.callTimeoutMs, signal));
    return { place, outcome: 'published', detail: 'serves the current key now' };
  } catch (error) {
    return { place, outcome: 'failed', detail: describeError(error) };
  }
}

async function afterwards(engine: Engine, plugins: Plugins, record: CredentialRecord, actor: Actor, id: string, results: readonly Published[], signal: AbortSignal): Promise<void> {
  await engine.ledger.audit({ type: 'credential.published', actor, credential: record.name, rotationId: null, keyId: record.currentKeyId, detail: { results } });
  if (!results.some((result) => result.outcome === 'published')) return;
  for (const hook of plugins.hooks) {
    await hook.run({ event: 'published', credential: record.name, rotationId: null, id: `publish:${id}` }, signal);
  }
}
