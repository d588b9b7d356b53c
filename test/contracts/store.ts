/**
 * The contract of every `SecretStore` (src/ports/store.ts), as tests. A plug-in runs it with
 * `runStoreContract('my-store', makeHarness)`; what it declares unsupported in its capabilities is not asked of it.
 */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { SecretStore, SlotRole, StoreSlot } from '../../src/ports/store.ts';

/** One credential's place, seen from outside the store. */
export interface ContractPlace {
  readonly store: SecretStore;
  /** What an application would read now, without the store's help; null for nothing. */
  reads(): Promise<string | null>;
}

export interface StoreHarness {
  /** Holds `FIRST_VALUE` as its current value. */
  readonly place: ContractPlace;
  /** A second credential at the same location, holding `NEIGHBOUR_VALUE`; null where a location holds one credential. */
  readonly neighbour: ContractPlace | null;
  /** A place that the store may fill but that holds nothing yet; null where that cannot be. */
  readonly empty: ContractPlace | null;
  /** Everything else at the location (other fields, other lines) as somebody else sees it: must never change. */
  bystanders(): Promise<unknown>;
  /** Somebody else writes to the location of `place`, leaving its value alone. */
  editOutside(): Promise<void>;
  /** Stores whose calls fail, each in its own way. `writesOnly`: reading works there. */
  readonly broken: readonly { readonly how: string; readonly store: SecretStore; readonly writesOnly?: boolean }[];
  close(): Promise<void>;
}

export const FIRST_VALUE = 'hm_live_first_0123456789abcdef0123456789abcdef';
export const NEIGHBOUR_VALUE = 'hm_live_neighbour_0123456789abcdef01234567';
const SECOND = new Secret('hm_live_second_fedcba9876543210fedcba98765432');
const THIRD = new Secret('hm_live_third_00112233445566778899aabbccddeeff');
const NEIGHBOUR_SECOND = new Secret('hm_live_neighbour_second_8899aabbccddeeff');
const FIRST = new Secret(FIRST_VALUE);
const NEIGHBOUR = new Secret(NEIGHBOUR_VALUE);
const NAMES = new Map([FIRST, SECOND, THIRD, NEIGHBOUR, NEIGHBOUR_SECOND].map((secret, at) => [secret.reveal(), ['first', 'second', 'third', 'neighbour', 'neighbour second'][at] ?? '']));

const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const all = (): boolean => true;

/** The slots of a store as short, sorted lines: `current first`, `staged second @attempt`. */
async function slots(store: SecretStore): Promise<string[]> {
  const view = await store.read(signal());
  return view.slots.map(line).sort();
}

function line({ role, value, attempt }: StoreSlot): string {
  return `${role} ${NAMES.get(value.reveal()) ?? 'unknown'}${attempt === null ? '' : ` @${attempt}`}`;
}

async function version(store: SecretStore): Promise<string> {
  return (await store.read(signal())).version;
}

/** Stages where the store can, then promotes on what it reads now. */
async function rotate(store: SecretStore, attempt: string, value: Secret, displaced: 'keep' | 'drop' = 'keep'): Promise<void> {
  if (store.capabilities.stage) await store.stage(attempt, value, signal());
  await store.promote({ attempt, value, expect: await version(store), displaced }, signal());
}

/** Slots without those that a store may or may not keep by itself. */
const withoutHistory = (lines: readonly string[]): string[] => lines.filter((text) => !text.startsWith('history '));

/** What `keep` leaves of a displaced value, by capabilities. */
function kept(store: SecretStore, name: string, attempt: string): string[] {
  const backup = store.capabilities.backup ? [`backup ${name}`] : [];
  const displaced = store.capabilities.stage ? [`displaced ${name} @${attempt}`] : [];
  return [...backup, ...displaced];
}

/** What a store is declared not to support; what is asked of it follows, and the declaration is checked too. */
export interface Unsupported {
  /** It cannot stage (`capabilities.stage` is false). */
  readonly stage?: true;
  /** One location holds one credential. */
  readonly neighbour?: true;
  /** It cannot fill a place that holds nothing. */
  readonly empty?: true;
}

/** Registers the suite. `makeHarness` makes a fresh location for every test. */
export function runStoreContract(name: string, makeHarness: () => Promise<StoreHarness>, unsupported: Unsupported = {}): void {
  const stages = unsupported.stage === undefined;
  describe(`store contract: ${name}`, () => {
    let harness: StoreHarness;
    let store: SecretStore;
    let before: unknown;
    beforeEach(async () => {
      harness = await makeHarness();
      store = harness.place.store;
      before = await harness.bystanders();
    });
    afterEach(async () => {
      expect(await harness.bystanders(), 'everything else at the location').toEqual(before);
      await harness.close();
    });
    const applicationReads = async (value: Secret): Promise<void> => expect((await harness.place.reads()) === value.reveal(), 'the application reads another value').toBe(true);

    it('declares what it does not support', () => {
      const declared = { stage: store.capabilities.stage, neighbour: harness.neighbour !== null, empty: harness.empty !== null };
      expect(declared).toEqual({ stage: stages, neighbour: unsupported.neighbour === undefined, empty: unsupported.empty === undefined });
    });

    it('reads what applications read, finds no problem, and says nothing secret about itself', async () => {
      await applicationReads(FIRST);
      expect(await slots(store)).toEqual(['current first']);
      expect((await store.probe(signal())).filter(({ fatal }) => fatal)).toEqual([]);
      expect(inspect(store, { depth: 9 }) + JSON.stringify(store) + store.describe + store.location).not.toContain(FIRST_VALUE);
      expect((await store.read(signal())).version).toBe((await store.read(signal())).version);
    });

    when(stages)('stages nothing that an application reads, twice as well as once, and refuses another value for the attempt', async () => {
      const expected = await version(store);
      await store.stage('a-1', SECOND, signal());
      await store.stage('a-1', SECOND, signal());
      await applicationReads(FIRST);
      expect(await slots(store)).toEqual(['current first', 'staged second @a-1']);
      expect(await version(store), 'staging is nothing that a promotion must not overwrite').toBe(expected);
      await expect(store.stage('a-1', THIRD, signal())).rejects.toMatchObject({ code: 'STORE_CONFLICT' });
      expect(await slots(store)).toEqual(['current first', 'staged second @a-1']);
    });

    when(stages)('gives a staged value up when it is retired, and can stage the attempt again', async () => {
      await store.stage('a-1', SECOND, signal());
      await store.retire(({ role }) => role === 'staged', 'rejected', signal());
      expect(await slots(store)).toEqual(['current first']);
      await store.stage('a-1', SECOND, signal());
      expect(await slots(store)).toEqual(['current first', 'staged second @a-1']);
    });

    it('promotes, keeps the displaced value for a rollback, and leaves nothing pending', async () => {
      await rotate(store, 'a-1', SECOND);
      await applicationReads(SECOND);
      expect(withoutHistory(await slots(store))).toEqual([...kept(store, 'first', 'a-1'), 'current second'].sort());
    });

    it('promotes once when the answer is lost and the call repeated', async () => {
      const expected = await version(store);
      if (store.capabilities.stage) await store.stage('a-1', SECOND, signal());
      const request = { attempt: 'a-1', value: SECOND, expect: expected, displaced: 'keep' } as const;
      await store.promote(request, signal());
      const once = await slots(store);
      const at = await version(store);
      await store.promote(request, signal());
      expect(await slots(store)).toEqual(once);
      expect(await version(store)).toBe(at);
    });

    it('changes nothing when the place moved on since it was read', async () => {
      const expected = await version(store);
      await rotate(store, 'a-1', SECOND);
      const lines = await slots(store);
      const late = store.promote({ attempt: 'a-2', value: THIRD, expect: expected, displaced: 'keep' }, signal());
      await expect(late).rejects.toMatchObject({ code: 'STORE_CONFLICT', effect: 'none' });
      await applicationReads(SECOND);
      expect(await slots(store)).toEqual(lines);
    });

    it('sees an outsider write between read and promotion, and loses nothing of it', async () => {
      const expected = await version(store);
      await harness.editOutside();
      before = await harness.bystanders();
      const late = store.promote({ attempt: 'a-1', value: SECOND, expect: expected, displaced: 'keep' }, signal());
      await expect(late).rejects.toMatchObject({ code: 'STORE_CONFLICT', effect: 'none' });
      await applicationReads(FIRST);
      expect(await harness.bystanders()).toEqual(before);
    });

    it('carries an outsider write along when it staged before and promotes after', async () => {
      if (store.capabilities.stage) await store.stage('a-1', SECOND, signal());
      await harness.editOutside();
      before = await harness.bystanders();
      await store.promote({ attempt: 'a-1', value: SECOND, expect: await version(store), displaced: 'keep' }, signal());
      await applicationReads(SECOND);
      expect(withoutHistory(await slots(store))).toEqual([...kept(store, 'first', 'a-1'), 'current second'].sort());
    });

    it('rolls back by promoting the old value, after which the rejected key is found nowhere', async () => {
      await rotate(store, 'a-1', SECOND);
      await store.promote({ attempt: 'a-1:rollback', value: FIRST, expect: await version(store), displaced: 'drop' }, signal());
      await applicationReads(FIRST);
      expect(withoutHistory(await slots(store))).toEqual(['current first']);
      await store.retire(({ value }) => value.equals(SECOND), 'rejected', signal());
      expect((await slots(store)).filter((text) => text.includes('second'))).toEqual([]);
      await applicationReads(FIRST);
    });

    it('rotates again after a rollback', async () => {
      await rotate(store, 'a-1', SECOND);
      await rotate(store, 'a-1:rollback', FIRST, 'drop');
      await rotate(store, 'a-2', THIRD);
      await applicationReads(THIRD);
      expect(withoutHistory(await slots(store))).toEqual([...kept(store, 'first', 'a-2'), 'current third'].sort());
    });

    it('retires a superseded value from backup and displaced, never from current', async () => {
      await rotate(store, 'a-1', SECOND);
      await store.retire(all, 'superseded', signal());
      await store.retire(all, 'superseded', signal());
      await applicationReads(SECOND);
      expect(withoutHistory(await slots(store))).toEqual(['current second']);
    });

    it('retires only what is selected', async () => {
      await rotate(store, 'a-1', SECOND);
      const lines = await slots(store);
      await store.retire(({ value }) => value.equals(THIRD), 'rejected', signal());
      expect(await slots(store)).toEqual(lines);
    });

    when(unsupported.empty === undefined)('fills an empty place', async () => {
      const empty = harness.empty;
      if (empty === null) throw new Error('the harness has no empty place');
      expect((await empty.store.read(signal())).slots).toEqual([]);
      expect((await empty.store.probe(signal())).filter(({ fatal }) => fatal)).toEqual([]);
      if (empty.store.capabilities.stage) {
        await empty.store.stage('b-1', SECOND, signal());
        expect(await slots(empty.store)).toEqual(['staged second @b-1']);
        expect(await empty.reads()).not.toBe(SECOND.reveal());
      }
      await empty.store.promote({ attempt: 'b-1', value: SECOND, expect: await version(empty.store), displaced: 'keep' }, signal());
      expect(await empty.reads()).toBe(SECOND.reveal());
      expect(await slots(empty.store)).toEqual(['current second']);
    });

    when(unsupported.neighbour === undefined)('serves two credentials at one location, interleaved', async () => {
      const other = harness.neighbour;
      if (other === null) throw new Error('the harness has no neighbour');
      expect(other.store.location).toBe(store.location);
      if (store.capabilities.stage) await store.stage('a-1', SECOND, signal());
      if (store.capabilities.stage) await other.store.stage('n-1', NEIGHBOUR_SECOND, signal());
      if (store.capabilities.stage) expect(await slots(store)).toEqual(['current first', 'staged second @a-1']);
      await store.promote({ attempt: 'a-1', value: SECOND, expect: await version(store), displaced: 'keep' }, signal());
      if (store.capabilities.stage) expect(await slots(other.store)).toContain('staged neighbour second @n-1');
      await other.store.promote({ attempt: 'n-1', value: NEIGHBOUR_SECOND, expect: await version(other.store), displaced: 'keep' }, signal());
      await applicationReads(SECOND);
      expect(await other.reads()).toBe(NEIGHBOUR_SECOND.reveal());
      expect(withoutHistory(await slots(store))).toEqual([...kept(store, 'first', 'a-1'), 'current second'].sort());
      expect(withoutHistory(await slots(other.store))).toEqual([...kept(other.store, 'neighbour', 'n-1'), 'current neighbour second'].sort());
      await rotate(store, 'a-1:rollback', FIRST, 'drop');
      await applicationReads(FIRST);
      expect(await other.reads()).toBe(NEIGHBOUR_SECOND.reveal());
      await store.retire(({ value }) => value.equals(SECOND), 'rejected', signal());
      await other.store.retire(all, 'superseded', signal());
      expect(withoutHistory(await slots(store))).toEqual(['current first']);
      expect(withoutHistory(await slots(other.store))).toEqual(['current neighbour second']);
      await rotate(other.store, 'n-2', NEIGHBOUR);
    });

    it('lets one of two promotions through that were read at the same time', async () => {
      const expected = await version(store);
      const race = await Promise.allSettled([SECOND, THIRD].map((value, at) => store.promote({ attempt: `r-${at}`, value, expect: expected, displaced: 'keep' }, signal())));
      const lost = race.filter((one) => one.status === 'rejected');
      expect(lost.map(({ reason }) => (reason as KeyturnError).code)).toEqual(['STORE_CONFLICT']);
      await applicationReads(race[0]?.status === 'fulfilled' ? SECOND : THIRD);
    });

    it('stops when it is told to', async () => {
      await expect(store.read(AbortSignal.abort())).rejects.toBeInstanceOf(KeyturnError);
      await applicationReads(FIRST);
    });

    it('fails with a code, a sentence and a remedy, and with no value in error, causes or inspection', async () => {
      expect(harness.broken.length).toBeGreaterThan(0);
      for (const { how, store: broken, writesOnly = false } of harness.broken) {
        const expected = writesOnly ? await version(broken) : 'absent';
        const promote = broken.promote({ attempt: 'x-1', value: SECOND, expect: expected, displaced: 'keep' }, signal());
        const calls = [promote, ...(broken.capabilities.stage ? [broken.stage('x-2', SECOND, signal())] : []), ...(writesOnly ? [] : [broken.read(signal())])];
        for (const settled of await Promise.allSettled(calls)) {
          expect(settled.status, how).toBe('rejected');
          if (settled.status === 'rejected') expectHarmless(settled.reason, how);
        }
      }
      await applicationReads(FIRST);
    });

    it('tells slots only of known roles', async () => {
      const roles: readonly SlotRole[] = ['current', 'backup', 'staged', 'displaced', 'history'];
      await rotate(store, 'a-1', SECOND);
      for (const { role } of (await store.read(signal())).slots) expect(roles).toContain(role);
    });
  });
}

/** Registers a test only where it is asked for: what is declared unsupported is no skip. */
function when(asked: boolean): (title: string, test: () => Promise<void>) => void {
  return (title, test) => {
    if (asked) it(title, test);
  };
}

function expectHarmless(thrown: unknown, how: string): void {
  expect(thrown, how).toBeInstanceOf(KeyturnError);
  const error = thrown as KeyturnError;
  expect(error.code, how).toMatch(/^STORE_/);
  expect(error.todo, how).toBeTruthy();
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const text = [inspect(cause, { depth: 20, showHidden: true }), String(cause), cause.stack, JSON.stringify(cause, Object.getOwnPropertyNames(cause))].join('\n');
    for (const value of NAMES.keys()) expect(text.includes(value), `${how}: a value leaked`).toBe(false);
  }
}
