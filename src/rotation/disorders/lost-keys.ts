/** Keys that the ledger believes alive and the issuer does not list any more. */
import type { Actor, KeyRecord } from '../../core/vocabulary.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { Engine } from '../engine.ts';
import { isGone, LIVING } from '../gone.ts';
import { failed, leftAlone, settled, type Disorder, type Finder, type Outcome } from './disorder.ts';
import { tooFresh, viewIssuers, type IssuerView } from './issuer-view.ts';

export const findLostKeys: Finder = async (engine, records, signal) => {
  const views = await viewIssuers(engine, records, signal);
  return views.flatMap((view) => unlisted(view).map(({ key, owner }) => disorderOf(engine, view, key, owner)));
};

function unlisted(view: IssuerView): readonly { key: KeyRecord; owner: CredentialRecord }[] {
  const live = new Set(view.live.map((key) => key.id));
  const gone = view.known.filter((key) => LIVING.includes(key.state) && !live.has(key.issuerKeyId) && !tooFresh(view, key.createdAt));
  return gone.flatMap((key) => {
    const owner = view.records.find((record) => record.name === key.credential);
    return owner === undefined ? [] : [{ key, owner }];
  });
}

function disorderOf(engine: Engine, view: IssuerView, key: KeyRecord, owner: CredentialRecord): Disorder {
  const rotating = view.open.some((rotation) => rotation.credential === owner.name);
  return {
    scope: view.issuer.name, what: key.id, subject: 'key', name: `${owner.name}: ${key.name}`, level: 'problem',
    message: `Its ${key.state} key ${key.issuerKeyId} is not listed by ${view.issuer.name} any more: somebody revoked it without Keyturn, or the admin key is of another account.`,
    leftAlone: rotating ? `a rotation of ${owner.name} is open and deals with it` : null,
    settle: rotating ? null : {
      does: `mark it as lost${key.state === 'current' ? `, so that ${owner.name} gets a new key` : ''}, once a call with its value was refused`,
      safe: 'nothing changes at the issuer or in a store; a key that still works is not marked',
      act: (actor, signal) => mark(engine, view, key, owner, actor, signal),
    },
  };
}

async function mark(engine: Engine, view: IssuerView, key: KeyRecord, owner: CredentialRecord, actor: Actor, signal: AbortSignal): Promise<Outcome> {
  const gone = await isGone(engine, view, key, owner.plan, signal);
  if (gone.is === 'untried') return failed(gone.why);
  if (gone.is !== 'gone') return leftAlone(gone.why);
  if ((await engine.ledger.openRotation(owner.name)) !== null) return leftAlone(`a rotation of ${owner.name} began meanwhile and deals with it`);
  await engine.ledger.markKey(key.id, 'lost', actor, 'not listed by the issuer any more, and refused');
  await engine.queue.wake('due-sweep', {}, { dedupeKey: 'due-sweep' });
  return settled('it is marked as lost');
}
