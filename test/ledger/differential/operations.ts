/** Every call of the port that changes something, with random arguments, weighted so that rotations get somewhere. */
import * as fc from 'fast-check';
import { PATHS, ROTATION_STATES, type RotationState } from '../../../src/core/vocabulary.ts';
import type { DueCredential, Lease } from '../../../src/ports/ledger.ts';
import { ACTOR, asked, created, noticeOf, plannedTexts, planOf } from '../fixtures.ts';
import { CREDENTIALS, change, changeFor, credential, issuer, issuerKeyId, newDebt, newKey, notices, nth, pick, rarely, span, type Asked } from './change.ts';
import { BEGINNING, type Side } from './side.ts';

export interface Operation {
  /** The same call on either side; undefined when there is nothing yet that it could be about. */
  readonly run: (side: Side) => Promise<unknown>;
  /** How far time moves on before it. */
  readonly afterMs: number;
}

const after = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 1, 1_000) }, { weight: 1, arbitrary: fc.constantFrom(31_000, 61_000, 700_000) });
/** Of a lease: long enough for most of what follows. */
const lifetime = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(60_000, 600_000) }, { weight: 1, arbitrary: span });
const worker = fc.constantFrom('w1', 'w2');
const instant = fc.constantFrom(BEGINNING, BEGINNING + 60_000);

function operation<T>(weight: number, name: string, given: fc.Arbitrary<T>, call: (side: Side, given: T) => Promise<unknown>) {
  const arbitrary = fc.tuple(given, after).map(([value, afterMs]): Operation => {
    const words = `${afterMs === 0 ? '' : `after ${afterMs} ms `}${name} ${JSON.stringify(value)}`;
    return Object.assign({ afterMs, run: (side: Side) => call(side, value) }, { [fc.toStringMethod]: () => words });
  });
  return { weight, arbitrary };
}

const NOTHING = Promise.resolve(undefined);

function kept<T>(list: T[], one: T | null): T | null {
  if (one !== null) list.push(one);
  return one;
}

/** Of what was seen to be due, that much is remembered from before. */
const REMEMBERED = 6;

/** Some that were seen to be due, of each credential one sight: fresh or stale. */
function someDue(due: readonly DueCredential[], { nth: first, of }: { readonly nth: number; readonly of: number }): readonly DueCredential[] {
  const from = first === 0 ? due : due.slice(first % Math.max(due.length, 1));
  return [...new Map(from.map((one) => [one.name, one])).values()].slice(0, of);
}

/** What a sweep sees, mostly after a rotation has ended: while one is open its credential is not due. */
async function look(side: Side, { ends, to, limit }: { readonly ends: string | null; readonly to: 'aborted' | 'done'; readonly limit: number }): Promise<unknown> {
  const { ledger, due } = side;
  const open = ends === null ? null : await ledger.openRotation(ends);
  const lease = open === null ? null : await ledger.lease(open.id, 'w1', 60_000);
  if (lease !== null) await ledger.commit(lease, lease.rotation.state, { to });
  const seen = await ledger.dueCredentials(limit);
  due.splice(0, due.length, ...seen, ...due.slice(0, REMEMBERED));
  return seen;
}

/** Most rotations are told the state that they are in. */
const expectation = rarely(fc.constantFrom(...ROTATION_STATES));

const rotations = [
  operation(8, 'request', fc.record({ credential, issuer, kind: fc.constantFrom('manual', 'emergency'), path: fc.constantFrom(...PATHS), keys: fc.array(nth, { maxLength: 2 }), replace: fc.boolean() }),
    ({ ledger, ids }, { keys, replace, credential: name, ...rest }) => {
      const named = keys.flatMap((n) => pick(ids.keys, n) ?? []);
      return ledger.request(asked(name, { ...rest, notes: { revocation: { keys: named.length === 0 ? 'every' : named, replace } } }));
    }),
  operation(16, 'dueCredentials', fc.record({ ends: fc.option(credential), to: fc.constantFrom('aborted', 'done'), limit: fc.integer({ min: 1, max: 3 }) }), look),
  operation(16, 'requestDue', fc.record({ nth, occurrence: instant, of: fc.integer({ min: 1, max: 3 }) }), ({ ledger, due }, given) =>
    ledger.requestDue(someDue(due, given).map((one) => ({ due: one, actor: ACTOR, occurrence: new Date(given.occurrence) })))),
  operation(4, 'redate', fc.record({ nth, dueAt: fc.option(instant), of: fc.integer({ min: 1, max: 3 }) }), ({ ledger, due }, given) =>
    ledger.redate(someDue(due, given).map((one) => ({ due: one, dueAt: given.dueAt === null ? null : new Date(given.dueAt) })))),
  operation(6, 'lease', fc.record({ nth, worker, span: lifetime }), async ({ ledger, ids, leases }, given) => {
    const id = pick(ids.rotations, given.nth);
    return id === undefined ? undefined : kept(leases, await ledger.lease(id, given.worker, given.span));
  }),
  operation(4, 'renew', fc.record({ nth, span: lifetime }), async ({ ledger, leases }, given) => {
    const lease = pick(leases, given.nth);
    return lease === undefined ? undefined : kept(leases, await ledger.renew(lease, given.span));
  }),
  operation(2, 'release', nth, ({ ledger, leases }, n) => {
    const lease = pick(leases, n);
    return lease === undefined ? NOTHING : ledger.release(lease);
  }),
  operation(8, 'commit', fc.record({ nth, expectation, change }), async (side, given) => {
    const lease = pick(side.leases, given.nth);
    return lease === undefined ? undefined : write(side, lease, given);
  }),
  operation(3, 'askAbort', nth, ({ ledger, ids }, n) => ledger.askAbort(pick(ids.rotations, n) ?? 'none', ACTOR)),
  operation(2, 'askResume', nth, ({ ledger, ids }, n) => ledger.askResume(pick(ids.rotations, n) ?? 'none', ACTOR)),
  operation(30, 'step', fc.record({ credential, worker, expectation, change }), step),
];

interface Write {
  readonly expectation: RotationState | null;
  readonly change: Asked;
}

async function write(side: Side, lease: Lease, given: Write): Promise<unknown> {
  const present = await side.ledger.rotation(lease.rotation.id);
  return side.ledger.commit(lease, given.expectation ?? present?.state ?? 'requested', changeFor(side, lease.rotation, given.change));
}

/** What a worker does: the credential's open rotation, a lease of it, and one write under it or under the last one. */
async function step(side: Side, given: Write & { readonly credential: string; readonly worker: string }): Promise<unknown> {
  const { ledger, leases } = side;
  const open = (await ledger.openRotation(given.credential)) ?? (await created(ledger, asked(given.credential)));
  const lease = kept(leases, await ledger.lease(open.id, given.worker, 60_000)) ?? leases.findLast((one) => one.rotation.id === open.id);
  return lease === undefined ? undefined : [lease, await write(side, lease, given)];
}

const debts = [
  operation(3, 'addDebt', newDebt, ({ ledger }, debt) => ledger.addDebt(debt, ACTOR)),
  operation(2, 'addOrphan', newDebt, ({ ledger }, debt) => ledger.addOrphan(debt, ACTOR)),
  operation(2, 'hurryDebt', nth, ({ ledger, ids }, n) => ledger.hurryDebt(pick(ids.debts, n) ?? 'none', ACTOR)),
  operation(5, 'leaseDebt', fc.record({ nth, worker, span: lifetime }), async ({ ledger, ids, debts: held }, given) => {
    const id = pick(ids.debts, given.nth);
    return id === undefined ? undefined : kept(held, await ledger.leaseDebt(id, given.worker, given.span));
  }),
  operation(3, 'settleDebt', fc.record({ nth, worker, notices, outcome: fc.constantFrom('revoked', 'gone') }), ({ ledger, debts: held }, given) => {
    const debt = pick(held, given.nth);
    return debt === undefined ? NOTHING : ledger.settleDebt(debt, given.worker, given.outcome, given.notices);
  }),
  operation(3, 'postponeDebt', fc.record({ nth, worker, span, notices: fc.option(notices) }), ({ ledger, debts: held }, given) => {
    const debt = pick(held, given.nth);
    return debt === undefined ? NOTHING : ledger.postponeDebt(debt, given.worker, 'why', given.span, given.notices ?? undefined);
  }),
  operation(3, 'watchFound', fc.record({ nth, found: fc.array(newDebt, { maxLength: 2 }) }), async ({ ledger }, given) => {
    const watches = [...(await ledger.watches())].sort((a, b) => (a.issuer + a.name < b.issuer + b.name ? -1 : 1));
    const watch = pick(watches, given.nth);
    return watch === undefined ? undefined : ledger.watchFound(watch, given.found);
  }),
  operation(1, 'dropExpiredWatches', fc.constant(null), ({ ledger }) => ledger.dropExpiredWatches()),
];

const scope = fc.constantFrom(['all', null] as const, ['issuer', 'hm'] as const, ['credential', 'a'] as const);

interface Declared {
  readonly names: readonly string[];
  readonly issuer: string;
  readonly revision: string;
}

function declaring(weight: number, given: fc.Arbitrary<Declared>) {
  return operation(weight, 'declare', given, ({ ledger }, { names, issuer: of, revision }) =>
    ledger.declare(plannedTexts(names.map((name) => ({ plan: planOf(name, of), revision })), 2)));
}

const records = [
  declaring(2, fc.record({ names: fc.subarray([...CREDENTIALS]), issuer, revision: fc.constantFrom('r1', 'r2') })),
  operation(2, 'setDue', fc.record({ credential, due: fc.option(instant) }), ({ ledger }, given) => ledger.setDue(given.credential, given.due === null ? null : new Date(given.due))),
  operation(4, 'adopt', fc.record({ credential, newKey }), ({ ledger }, given) => ledger.adopt({ ...given.newKey, credential: given.credential }, ACTOR, { by: 'test' })),
  operation(1, 'markKey', fc.record({ nth, state: fc.constantFrom('lost', 'revoked') }), ({ ledger, ids }, given) => ledger.markKey(pick(ids.keys, given.nth) ?? 'none', given.state, ACTOR, 'gone')),
  operation(1, 'setPause', scope, ({ ledger }, [of, name]) => ledger.setPause({ scope: of, name, actor: ACTOR })),
  operation(2, 'clearPause', scope, ({ ledger }, [of, name]) => ledger.clearPause(of, name, ACTOR)),
  operation(1, 'seal', fc.integer({ min: 1, max: 9 }), ({ ledger }, limit) => ledger.seal(limit)),
  operation(1, 'audit', issuerKeyId, ({ ledger }, word) => ledger.audit({ type: 'test', actor: ACTOR, credential: 'a', rotationId: null, keyId: null, detail: { word } })),
];

const outbox = [
  operation(2, 'notify', fc.record({ word: fc.constantFrom('n1', 'n2'), channels: fc.array(fc.constantFrom('ops', 'mail')), span }), ({ ledger }, given) =>
    ledger.notify(noticeOf(given.word), given.channels, given.span)),
  operation(4, 'leaseDelivery', fc.record({ nth, worker, span: lifetime }), async ({ ledger, ids, deliveries }, given) => {
    const id = pick(ids.deliveries, given.nth);
    return id === undefined ? undefined : kept(deliveries, await ledger.leaseDelivery(id, given.worker, given.span));
  }),
  operation(1, 'delivered', nth, ({ ledger, deliveries }, n) => {
    const delivery = pick(deliveries, n);
    return delivery === undefined ? NOTHING : ledger.delivered(delivery, 'receipt');
  }),
  operation(3, 'undelivered', fc.record({ nth, span: fc.option(span) }), ({ ledger, deliveries }, given) => {
    const delivery = pick(deliveries, given.nth);
    return delivery === undefined ? NOTHING : ledger.undelivered(delivery, 'why', given.span);
  }),
  operation(1, 'takePace', fc.uniqueArray(fc.record({ key: fc.constantFrom('p', 'q'), everyMs: span, burst: fc.integer({ min: 1, max: 3 }) }), { selector: ({ key }) => key, minLength: 1, maxLength: 2 }), ({ ledger }, limits) => ledger.takePace(limits)),
  operation(1, 'restPace', fc.record({ key: fc.constantFrom('p', 'q'), everyMs: span, burst: fc.integer({ min: 1, max: 3 }), ms: span }), ({ ledger }, { ms, ...limit }) => ledger.restPace(limit, ms)),
  operation(1, 'noteDone', fc.constantFrom('sweep', 'x'), ({ ledger }, what) => ledger.noteDone(what)),
  operation(1, 'retryStuck', fc.constantFrom(undefined, 'ops'), ({ ledger }, channel) => ledger.retryStuck(channel)),
];

const anyOperation = fc.oneof(...rotations, ...debts, ...records, ...outbox);
const everything = { names: [...CREDENTIALS], issuer: 'hm', revision: 'r1' } as const;

/** A life of a ledger: all credentials declared, then anything. */
export function lives(longest: number): fc.Arbitrary<readonly Operation[]> {
  const first = declaring(1, fc.constant(everything)).arbitrary;
  return fc.tuple(first, fc.array(anyOperation, { minLength: Math.floor(longest / 2), maxLength: longest })).map(([begin, then]) => [begin, ...then]);
}
