/** Everything that the port lets be seen. */
import type { Ledger } from '../../../src/ports/ledger.ts';
import { CREDENTIALS, ISSUERS } from './change.ts';
import type { Side } from './side.ts';

const ALL = 1000;

/** In the order that the port promises, or by their names where it promises none. */
export async function seen({ ledger, ids }: Side): Promise<unknown> {
  return {
    now: await ledger.now(),
    credentials: await ledger.credentials(),
    declared: await ledger.declaredCredentials({}, { limit: 2 }),
    declaredLater: await ledger.declaredCredentials({ issuer: 'hm' }, { limit: ALL, after: 'a' }),
    declaredWithKey: await ledger.declaredCredentials({ withKey: true }, { limit: ALL }),
    issuers: await ledger.issuers(),
    retired: await ledger.retired(),
    retiredOfSome: await ledger.retired(['a', 'c']),
    named: [...(await ledger.keysNamed('ik1')), ...(await ledger.keysNamed(ids.keys[0] ?? 'none'))],
    due: await ledger.dueCredentials(2),
    open: await Promise.all(CREDENTIALS.map((name) => ledger.openRotation(name))),
    rotations: await ledger.rotations({}, { limit: ALL }),
    mine: await ledger.rotations({ credential: 'a', open: false }, { limit: 2 }),
    older: await ledger.rotations({}, { limit: 2, before: ids.rotations[1] ?? '' }),
    histories: await Promise.all(ids.rotations.map((id) => ledger.history(id))),
    keys: await Promise.all(CREDENTIALS.map((name) => ledger.keysOf(name))),
    keysOfIssuer: await Promise.all(ISSUERS.map((name) => ledger.keysOfIssuer(name))),
    debts: await Promise.all(ids.debts.map((id) => ledger.debt(id))),
    openDebts: await ledger.openDebts({ issuer: 'hm', credential: 'a' }),
    ...(await named(ledger)),
    deliveries: await ledger.deliveries({}, { limit: ALL }),
    lags: await ledger.channelLags(),
    sinceSweep: await ledger.sinceDone('sweep'),
    waiting: await ledger.deliveries({ state: 'waiting' }, { limit: 2, before: ids.deliveries[3] ?? '' }),
    events: await ledger.auditEvents({}, { limit: ALL }),
    someEvents: await ledger.auditEvents({ credential: 'a' }, { limit: 3, before: '7' }),
    verdict: await ledger.verifyAudit(),
    figures: await ledger.figures(),
  };
}

function by<T>(list: readonly T[], word: (one: T) => string): T[] {
  return [...list].sort((a, b) => (word(a) < word(b) ? -1 : 1));
}

async function named(ledger: Ledger): Promise<Readonly<Record<string, unknown>>> {
  return {
    watches: by(await ledger.watches(), (watch) => `${watch.issuer} ${watch.name}`),
    watchesOfOne: by(await ledger.watches('hm'), (watch) => watch.name),
    pauses: by(await ledger.pauses(), (pause) => `${pause.scope} ${pause.name}`),
  };
}

/** What may be worked on now: ids whose order among equals SQL leaves open. */
export async function ready({ ledger }: Side): Promise<readonly (readonly string[])[]> {
  return [await ledger.wakeable(ALL), await ledger.wakeable(ALL, 'emergency'), await ledger.payableDebts(ALL), await ledger.deliverable(ALL), await ledger.deliverable(ALL, 'ops'), await ledger.dueChannels()];
}
