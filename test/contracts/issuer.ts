/**
 * The contract of every `Issuer` (src/ports/issuer.ts), as tests. A plug-in runs it with
 * `runIssuerContract('my-issuer', makeHarness)`; what its capabilities deny is not asked of it.
 */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError, type ErrorCode } from '../../src/core/errors.ts';
import type { CreateKeyRequest, IssuedKey, Issuer } from '../../src/ports/issuer.ts';

/** What the service does to every call until it is told `none`. */
export type Trouble =
  | 'none'
  /** Does what is asked, and breaks the connection instead of answering. */
  | 'lost-answer'
  /** Asks for a pause of 10 seconds. */
  | 'rate-limit'
  /** A page of HTML with status 200, as a proxy or a login page would. */
  | 'html'
  /** An internal error. */
  | 'error'
  /** Takes longer than any call may. */
  | 'slow';

export interface IssuerHarness {
  /** With working rights, on an account with room for at least two more keys. */
  readonly issuer: Issuer;
  /** The same service with an admin key that it does not know. */
  readonly stranger: Issuer;
  /** The same service with an admin key that may not manage keys; null where there is no such thing. */
  readonly underprivileged: Issuer | null;
  /** Scopes and space for minted keys; the scopes must allow the issuer's `exercise` to write, if it has one. */
  readonly wish: Omit<CreateKeyRequest, 'name'>;
  /** Another set of scopes, fewer. */
  readonly lesserScopes: readonly string[];
  /** Names of all live keys as the service itself knows them, without the issuer's help. */
  liveNames(): Promise<readonly string[]>;
  /** Uses up every free key slot; null where keys are unlimited. */
  readonly fillUp: (() => Promise<void>) | null;
  trouble(kind: Trouble): Promise<void>;
  close(): Promise<void>;
}

const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const soon = (): AbortSignal => AbortSignal.timeout(200);

async function failure(work: Promise<unknown>): Promise<KeyturnError> {
  const thrown: unknown = await work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(KeyturnError);
  const error = thrown as KeyturnError;
  expect(error.todo, 'an error says what to do').toBeTruthy();
  return error;
}

/** The key of that name once the list shows it, within the declared lag. */
async function listed(issuer: Issuer, name: string): Promise<IssuedKey> {
  const find = async (): Promise<IssuedKey | undefined> => (await issuer.list(signal())).find((key) => key.name === name);
  await expect.poll(find, { timeout: issuer.capabilities.listLagMs + 5_000 }).toBeDefined();
  return (await find()) as IssuedKey;
}

const asked = (needs: readonly string[]) => needs.map((need) => ({ need, refused: false }));

export function runIssuerContract(name: string, makeHarness: () => Promise<IssuerHarness>): void {
  describe(`issuer contract: ${name}`, () => {
    let harness: IssuerHarness;
    let issuer: Issuer;
    let serial = 0;
    const wish = (): CreateKeyRequest => ({ ...harness.wish, name: `contract-${process.pid}-${(serial += 1)}` });

    beforeEach(async () => {
      harness = await makeHarness();
      issuer = harness.issuer;
    });
    afterEach(async () => {
      await harness.close();
    });

    it('shows a created key in its list, with exactly what was asked for', async () => {
      const request = wish();
      const { key } = await issuer.create(request, signal());
      expect(key).toMatchObject({ name: request.name, live: true });
      const seen = await listed(issuer, request.name);
      expect(seen.id).toBe(key.id);
      expect([...seen.scopes].sort()).toEqual([...request.scopes].sort());
      expect([...key.scopes].sort()).toEqual([...request.scopes].sort());
      if (request.space !== null) expect(seen.space).toBe(request.space);
      expect(seen.environment).toBe(key.environment);
      expect(await harness.liveNames()).toContain(request.name);
    });

    it('mints exactly the scopes that it is asked for, however few', async () => {
      const { key } = await issuer.create({ ...wish(), scopes: harness.lesserScopes }, signal());
      expect([...key.scopes].sort()).toEqual([...harness.lesserScopes].sort());
    });

    it('mints a value that works, until it is revoked', async () => {
      const { key, value } = await issuer.create(wish(), signal());
      expect(await issuer.probe(value, signal())).toEqual({ works: true, reason: '', conclusive: true });
      expect(await issuer.revoke(key.id, signal())).toBe('revoked');
      const dead = async () => issuer.probe(value, signal());
      if (issuer.capabilities.immediateRevocation) expect(await dead()).toMatchObject({ works: false, conclusive: true });
      else await expect.poll(dead, { timeout: 30_000 }).toMatchObject({ works: false, conclusive: true });
      expect((await dead()).reason).not.toBe('');
      expect(await harness.liveNames()).not.toContain(key.name);
      expect((await issuer.list(signal())).some((one) => one.id === key.id && one.live)).toBe(false);
    });

    it('tells that a key is gone when it is revoked again, or was never there', async () => {
      const { key } = await issuer.create(wish(), signal());
      await listed(issuer, key.name);
      await issuer.revoke(key.id, signal());
      expect(await issuer.revoke(key.id, signal())).toBe('gone');
    });

    it('tells the last use of a key', async () => {
      if (!issuer.capabilities.lastUse) return;
      const { key, value } = await issuer.create(wish(), signal());
      expect((await listed(issuer, key.name)).lastUsedAt).toBeNull();
      await issuer.probe(value, signal());
      await expect.poll(async () => (await listed(issuer, key.name)).lastUsedAt).not.toBeNull();
    });

    it('exercises a key without leaving anything that a second exercise would trip over', async () => {
      if (issuer.exercise === undefined) return;
      const { key, value } = await issuer.create(wish(), signal());
      const request = { scopes: harness.wish.scopes, space: harness.wish.space, canary: true };
      for (const time of ['first', 'second']) {
        const seen = await issuer.exercise(value, request, signal());
        expect(seen, time).toMatchObject({ works: true, reason: '' });
        expect(seen.did.length).toBeGreaterThan(0);
      }
      await issuer.revoke(key.id, signal());
      expect(await issuer.exercise(value, request, signal())).toMatchObject({ works: false, conclusive: true });
    });

    it('finds nothing wrong with an account that is in order, and changes nothing by looking', async () => {
      const before = await harness.liveNames();
      const account = await issuer.inspect(signal());
      expect(account.problems).toEqual([]);
      expect(account.liveKeys).toBe(before.length);
      if (harness.fillUp !== null && account.keyLimit !== null) expect(account.keyLimit).toBeGreaterThan(account.liveKeys);
      await issuer.examine?.(signal());
      expect(await harness.liveNames()).toEqual(before);
    });

    it('names fewer scopes where they would do, and those granted where nothing less would', () => {
      if (issuer.enough === undefined) return;
      const [{ scopes }, { lesserScopes }] = [harness.wish, harness];
      expect(issuer.enough(scopes, asked(lesserScopes))).toEqual(lesserScopes);
      for (const granted of [scopes, lesserScopes]) expect(issuer.enough(granted, asked(granted))).toEqual(granted);
      expect(issuer.enough(scopes, asked(['no such scope']))).toBeNull();
    });

    it('tells of its quota what can be counted with, and changes nothing by being asked', async () => {
      if (issuer.quota === undefined) return;
      const before = await harness.liveNames();
      for (const { what, current, limit, period } of (await issuer.quota(signal())) ?? []) {
        expect(what).toMatch(/^[a-z ]+$/);
        expect(current).toBeGreaterThanOrEqual(0);
        if (limit !== null) expect(limit).toBeGreaterThan(0);
        if (period !== null) expect(period.end.getTime()).toBeGreaterThan(period.start.getTime());
      }
      expect(await harness.liveNames()).toEqual(before);
      await harness.trouble('error');
      expect(await failure(issuer.quota(signal())), 'no answer is not taken for no quota').toMatchObject({ code: 'ISSUER_UNAVAILABLE' });
      await harness.trouble('html');
      expect(await failure(issuer.quota(signal()))).toMatchObject({ code: 'ISSUER_BAD_ANSWER' });
      await harness.trouble('none');
      expect(await failure(harness.stranger.quota?.(signal()) ?? Promise.resolve())).toMatchObject({ code: 'ISSUER_DENIED' });
    });

    it('says so when the account allows no further key, and none came to exist', async () => {
      if (harness.fillUp === null) return;
      await harness.fillUp();
      const before = await harness.liveNames();
      const request = wish();
      const error = await failure(issuer.create(request, signal()));
      expect(error).toMatchObject({ code: 'ISSUER_LIMIT', effect: 'none' });
      expect(await harness.liveNames()).toEqual(before);
    });

    it('says so when the admin key is unknown, and creates nothing', async () => {
      const request = wish();
      const { stranger } = harness;
      expect(await failure(stranger.create(request, signal()))).toMatchObject({ code: 'ISSUER_DENIED', effect: 'none' });
      expect(await failure(stranger.list(signal()))).toMatchObject({ code: 'ISSUER_DENIED' });
      expect((await stranger.inspect(signal())).problems).toHaveLength(1);
      expect(await harness.liveNames()).not.toContain(request.name);
    });

    it('says so when the admin key lacks rights, and neither creates nor revokes', async () => {
      const { underprivileged } = harness;
      if (underprivileged === null) return;
      const { key } = await issuer.create(wish(), signal());
      const request = wish();
      expect(await failure(underprivileged.create(request, signal()))).toMatchObject({ code: 'ISSUER_DENIED', effect: 'none' });
      expect(await failure(underprivileged.revoke(key.id, signal()))).toMatchObject({ code: 'ISSUER_DENIED' });
      expect((await underprivileged.inspect(signal())).problems.length).toBeGreaterThan(0);
      const names = await harness.liveNames();
      expect(names).toContain(key.name);
      expect(names).not.toContain(request.name);
    });

    it('does not know what came of a create whose answer was lost, and finds the key by its name', async () => {
      const request = wish();
      await harness.trouble('lost-answer');
      const error = await failure(issuer.create(request, signal()));
      expect(error.effect).toBe('unknown');
      await harness.trouble('none');
      expect((await harness.liveNames()).filter((one) => one === request.name), 'sent once, never again').toHaveLength(1);
      if (!issuer.capabilities.list) return;
      const found = await listed(issuer, request.name);
      expect(await issuer.revoke(found.id, signal())).toBe('revoked');
      expect(await harness.liveNames()).not.toContain(request.name);
    });

    it('ends a revocation whose answers are lost with the key dead', async () => {
      const { key, value } = await issuer.create(wish(), signal());
      await listed(issuer, key.name);
      await harness.trouble('lost-answer');
      await issuer.revoke(key.id, signal()).catch((error: unknown) => expect(error).toBeInstanceOf(KeyturnError));
      await harness.trouble('none');
      expect(await issuer.revoke(key.id, signal())).toBe('gone');
      expect(await issuer.probe(value, signal())).toMatchObject({ works: false, conclusive: true });
    });

    it('passes on how long a service wants to be left alone', async () => {
      await harness.trouble('rate-limit');
      const error = await failure(issuer.create(wish(), signal()));
      expect(error).toMatchObject({ code: 'ISSUER_RATE_LIMITED', effect: 'none' });
      expect(error.retryAfterMs).toBeGreaterThan(5_000);
      expect(error.retryAfterMs).toBeLessThanOrEqual(10_000);
    });

    const troubles: readonly (readonly [Trouble, ErrorCode])[] = [
      ['html', 'ISSUER_BAD_ANSWER'],
      ['error', 'ISSUER_UNAVAILABLE'],
    ];
    for (const [kind, code] of troubles) {
      it(`takes ${kind} for ${code}, never for an answer`, async () => {
        const { key, value } = await issuer.create(wish(), signal());
        await harness.trouble(kind);
        expect(await failure(issuer.list(signal()))).toMatchObject({ code });
        expect(await failure(issuer.create(wish(), signal()))).toMatchObject({ code, effect: 'unknown' });
        expect(await failure(issuer.revoke(key.id, signal()))).toMatchObject({ code });
        expect(await issuer.probe(value, signal()), 'no evidence about the key').toMatchObject({ works: false, conclusive: false });
      });
    }

    it('ends every call soon after an abort', async () => {
      const { key, value } = await issuer.create(wish(), signal());
      await harness.trouble('slow');
      const began = Date.now();
      const [created, listing, revoked, probed] = await Promise.all([
        failure(issuer.create(wish(), soon())),
        failure(issuer.list(soon())),
        failure(issuer.revoke(key.id, soon())),
        issuer.probe(value, soon()),
      ]);
      expect([created.effect, listing.code, revoked.code]).toEqual(['unknown', 'ISSUER_UNAVAILABLE', 'ISSUER_UNAVAILABLE']);
      expect(probed).toMatchObject({ works: false, conclusive: false });
      expect(Date.now() - began).toBeLessThan(Math.min(2_000, issuer.capabilities.callTimeoutMs));
    });

    it('shows no value in anything that it returns or throws', async () => {
      const { key, value } = await issuer.create(wish(), signal());
      const bare = value.reveal();
      const shown: unknown[] = [key, value, await issuer.list(signal()), await issuer.inspect(signal()), await issuer.probe(value, signal()), issuer];
      await harness.trouble('error');
      shown.push(await failure(issuer.list(signal())), await failure(issuer.create(wish(), signal())), await issuer.probe(value, signal()));
      const text = shown.map((one) => `${inspect(one, { depth: 20, showHidden: true })}\n${JSON.stringify(one)}`).join('\n');
      expect(text).not.toContain(bare);
    });
  });
}
