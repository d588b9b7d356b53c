/**
 * The ledger is put back to a copy that is older than the world: keys have moved on since, in every way. Judged by the
 * sandbox and the files alone: nothing that lives dies, and no application loses the key that it reads.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/app/index.ts';
import type { FaultRule } from '../../src/sandbox/index.ts';
import { backUp, canBackUp } from '../support/backup.ts';
import { motoAvailable } from '../support/moto.ts';
import { ACTOR, eventually, mintedFor, openRig, readEnv, startSurroundings, type Rig, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const LONG_MS = 240_000;
/** Idle at the backup, and what became of them since. */
const IDLE = ['twice-api', 'leak-api', 'abort-api', 'still-api'];
/** In the middle of a rotation at the backup. */
const BUSY = ['drain-api', 'owes-api', 'sent-api', 'stuck-api'];
const ALL = [...IDLE, ...BUSY];
/** Those whose key has changed since the backup. */
const MOVED = ALL.filter((name) => name !== 'abort-api' && name !== 'still-api');

const policyOf = (name: string) => ({ overlap: name === 'drain-api' ? '90s' : '0s', deadlines: { verify: '20s', promote: '5m', confirm: '5m', stuck: '1h', retry: '1h' } });
const sha256 = (value: string): string => createHash('sha256').update(value).digest('hex');
const LIST_FAILS: FaultRule = { name: 'list', match: { method: 'GET', path: '/v1/api-keys' }, effect: { kind: 'status', status: 503 } };
const REVOKE_FAILS: FaultRule = { name: 'revoke', match: { method: 'DELETE', path: '/v1/api-keys/*' }, effect: { kind: 'status', status: 503 } };
const CREATE_HANGS: FaultRule = { name: 'create', match: { createdName: 'sent-api-kt-*' }, times: 1, effect: { kind: 'delay', ms: 30_000, when: 'after' } };
const KEYS_ARE_BORN_DEAD: FaultRule = { name: 'red', match: { createdName: 'abort-api-kt-*' }, effect: { kind: 'activation-delay', ms: 3_600_000 } };

describe.skipIf(!motoAvailable()).each(RUNTIMES.filter(canBackUp))('a ledger restored from a backup on $name', (runtime) => {
  let around: Surroundings;
  let rig: Rig;
  let app: App;
  beforeAll(async () => {
    around = await startSurroundings();
    // Long enough for eight rotations at once on a machine that has other things to do.
    rig = await openRig(runtime, around, { credentials: Object.fromEntries(ALL.map((name) => [name, { places: ['env'], policy: policyOf(name) }])), issuer: { timeout: '10s' } });
    app = rig.app;
  });
  afterAll(async () => {
    await around.sandbox.setFaults([]);
    await rig.close();
    await around.stop();
  });

  const served = (name: string): string => readEnv(rig.envFile(name))['HYPERMEMORY_API_KEY'] ?? '';
  const faults = (...rules: readonly FaultRule[]): Promise<void> => around.sandbox.setFaults(rules);
  const struck = async (name: string): Promise<number> => (await around.sandbox.faults()).find(({ rule }) => rule.name === name)?.struck ?? 0;
  const newest = async (name: string) => (await app.operations.rotations({ credential: name, limit: 1 }))[0];
  const ask = async (name: string): Promise<void> => void (await app.operations.rotate({ credentials: [name] }, ACTOR));
  const rests = (name: string, state: string, reason?: string) => {
    let last: Awaited<ReturnType<typeof newest>>;
    return eventually(async () => {
      last = await newest(name);
      return last?.state === state && (reason === undefined || last.reason === reason) ? last : null;
    }, () => `${name} to be ${state} ${reason ?? ''}; it is ${last?.state} (${last?.reason}): ${last?.message}`, LONG_MS);
  };
  const rotated = async (name: string): Promise<void> => {
    await ask(name);
    await rests(name, 'done');
  };
  const liveKeys = async (name: string) => (await mintedFor(around.sandbox, name)).filter((key) => key.status === 'active');
  const servesLive = async (name: string): Promise<void> => {
    const key = (await liveKeys(name)).find((one) => one.sha256 === sha256(served(name)));
    expect([name, key?.status]).toEqual([name, 'active']);
  };
  const restarted = async (between: () => Promise<void>): Promise<void> => {
    await app.close(5_000);
    await between();
    app = await rig.another();
  };

  test('nothing that lives dies, applications keep their key, and each credential goes on: by itself where it can, after an adoption where it cannot', async () => {
    for (const name of ALL) await rests(name, 'done');

    // The backup, with rotations in the middle.
    await faults(REVOKE_FAILS, CREATE_HANGS);
    await ask('drain-api');
    await rests('drain-api', 'draining', 'overlap');
    await ask('owes-api');
    await rests('owes-api', 'revoking', 'debt_open');
    await ask('sent-api');
    await eventually(async () => (await struck('create')) === 1, () => 'the create to be sent');
    await faults(REVOKE_FAILS, LIST_FAILS);
    await ask('stuck-api');
    await rests('stuck-api', 'blocked', 'still_blocked');
    await rests('sent-api', 'creating', 'unanswerable');
    let backup = running(rig).databaseUrl === undefined ? null : await backUp(running(rig));
    await restarted(async () => { backup ??= await backUp(running(rig)); });
    expect((await Promise.all(BUSY.map(newest))).map((last) => last?.state)).toEqual(['draining', 'revoking', 'creating', 'blocked']);

    // The world moves on.
    await faults();
    for (const name of BUSY) await rests(name, 'done');
    for (const name of [...BUSY, 'twice-api', 'twice-api']) {
      await ask(name);
      if (name !== 'drain-api') await rests(name, 'done');
    }
    await app.operations.revoke('leak-api', ACTOR);
    await rests('leak-api', 'done');
    await faults(KEYS_ARE_BORN_DEAD);
    await ask('abort-api');
    await rests('abort-api', 'aborted');
    await faults();
    await rests('drain-api', 'done');
    for (const name of ALL) await servesLive(name);

    // The copy is put back.
    const before = new Map(ALL.map((name) => [name, served(name)]));
    const lived = new Set((await around.sandbox.inspect()).keys.filter((key) => key.status === 'active').map((key) => key.id));
    await restarted(async () => await backup?.restore());
    backup?.remove();
    await app.work.inventory(AbortSignal.timeout(LONG_MS));
    await rests('owes-api', 'done');
    await rests('drain-api', 'draining', 'evidence_missing');
    await rests('stuck-api', 'blocked', 'still_blocked');
    const held = await eventually(async () => {
      const last = await newest('sent-api');
      return last !== undefined && WAITING.includes(last.reason) ? last : null;
    }, () => 'sent-api to wait for a person', LONG_MS);
    expect(held.message).toMatch(/does not know|Someone else changed|revoked before/);

    // Whatever is asked of it, what people's applications read stays as it was, and alive.
    for (const name of ['twice-api', 'leak-api', 'owes-api']) {
      await ask(name);
      const blocked = await rests(name, 'blocked', 'still_blocked');
      expect([name, blocked.message]).toEqual([name, expect.stringContaining('keyturn adopt')]);
    }
    for (const name of ALL) {
      expect([name, served(name)]).toEqual([name, before.get(name)]);
      await servesLive(name);
    }
    const died = (await around.sandbox.inspect()).keys.filter((key) => lived.has(key.id) && key.status !== 'active');
    expect(died.map((key) => key.name)).toEqual([]);

    for (const name of ['still-api', 'abort-api']) await rotated(name);
    for (const name of ['twice-api', 'leak-api', 'owes-api', 'stuck-api']) {
      const live = (await liveKeys(name)).find((key) => key.sha256 === sha256(served(name)));
      await app.operations.adopt({ credential: name, keyId: live?.id ?? '' }, ACTOR);
      await rests(name, 'done');
    }
    for (const name of ALL) await servesLive(name);
    const settled = ALL.filter((name) => name !== 'drain-api' && name !== 'sent-api');
    for (const name of settled) expect([name, (await liveKeys(name)).length]).toEqual([name, 1]);
    for (const name of MOVED.filter((one) => settled.includes(one))) expect(served(name)).not.toBe(before.get(name));
  }, 1_200_000);
});

/** Where a lost create of a restored ledger comes to rest: it must not take the key that is served for its orphan, nor write over it. */
const WAITING = ['orphan_unpaid', 'held_conflict'];

function running(rig: Rig): Rig['running'] {
  return rig.running;
}
