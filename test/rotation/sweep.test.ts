/** The sweep over many credentials on a real ledger, without a world: nothing that it asks for is carried out. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret, fingerprinter } from '../../src/core/secret.ts';
import { createLogger } from '../../src/log/index.ts';
import type { DueRequest, Ledger } from '../../src/ports/ledger.ts';
import type { Wake } from '../../src/ports/queue.ts';
import { sweep } from '../../src/rotation/due.ts';
import type { Engine } from '../../src/rotation/engine.ts';
import { ACTOR, MINUTE, asked, committed, created, fresh, keyOf, leased, plannedTexts, planOf } from '../ledger/fixtures.ts';
import { LEDGERS, type OpenLedger } from '../ledger/ledgers.ts';

const signal = new AbortController().signal;
/** More than one write takes. */
const MANY = 300;

/** A worker that carries nothing out, and keeps what it was to be woken for and what it said. */
function engineOn(on: Ledger, lines: string[] = []) {
  const woken: string[] = [];
  const wakeAll = async (_job: string, wakes: readonly Wake[]): Promise<boolean> => {
    woken.push(...wakes.map(({ payload }) => payload['rotation'] ?? ''));
    return true;
  };
  const engine: Engine = {
    ledger: on, queue: { wake: async () => true, wakeAll }, plugins: () => Promise.reject(new Error('these credentials have keys')),
    fingerprint: fingerprinter(new Secret('root-key-of-the-sweep-0123456789abcdef')), clock: { timeout: (ms) => AbortSignal.timeout(ms) }, worker: 'w1',
    log: createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } }),
  };
  return { engine, woken, lines };
}

describe.each(LEDGERS)('the due sweep on $name', (kind) => {
  let open: OpenLedger;
  let ledger: Ledger;
  beforeAll(async () => {
    open = await kind.open();
    ({ ledger } = open);
  });
  afterEach(() => ledger.declare([]));
  afterAll(() => open.close());

  /** Declared, with keys that are old enough for their policy. */
  async function overdue(count: number, everyMs = 1_000): Promise<readonly string[]> {
    const names = Array.from({ length: count }, () => fresh('swept'));
    await ledger.declare(plannedTexts(names.map((name) => ({ plan: { ...planOf(name), policy: { ...planOf(name).policy, everyMs } }, revision: 'r1' }))));
    const old = new Date((await ledger.now()).getTime() - 10 * MINUTE);
    for (const name of names) await ledger.adopt(keyOf(name, { state: 'current', createdAt: old }), ACTOR, {});
    return names;
  }

  const rotations = async (names: readonly string[]) => await Promise.all(names.map((credential) => ledger.rotations({ credential }, { limit: 5 })));

  test('two workers that sweep at the same time make one rotation of each, and each is woken', async () => {
    const names = await overdue(MANY);
    const { ledgers, close } = await open.twoWorkers();
    const [one, two] = [engineOn(ledgers[0]), engineOn(ledgers[1])];
    await Promise.all([sweep(one.engine, signal), sweep(two.engine, signal)]);
    const rows = await rotations(names);
    expect(rows.map((list) => list.length)).toEqual(names.map(() => 1));
    expect([...new Set([...one.woken, ...two.woken])]).toEqual(expect.arrayContaining(rows.flat().map(({ id }) => id)));
    expect([...one.lines, ...two.lines].filter((line) => line.includes('rotation requested'))).toHaveLength(MANY);
    expect([...one.lines, ...two.lines].filter((line) => line.includes('could not be scheduled'))).toEqual([]);
    await close();
  });

  test('what is not due yet is dated and not asked for; what has failed waits for its retry', async () => {
    const [failed = '', ...young] = await overdue(4, 60 * MINUTE);
    const longAgo = new Date((await ledger.now()).getTime() - 90 * MINUTE);
    const late = fresh('swept');
    const plans = [failed, late, ...young].map((name) => ({ ...planOf(name), policy: { ...planOf(name).policy, everyMs: 60 * MINUTE, deadlines: { ...planOf(name).policy.deadlines, retryMs: 5 * MINUTE } } }));
    await ledger.declare(plannedTexts(plans.map((plan) => ({ plan, revision: 'r2' }))));
    await ledger.adopt(keyOf(late, { state: 'current', createdAt: longAgo }), ACTOR, {});
    await sweep(engineOn(ledger).engine, signal);
    expect((await rotations([failed, late, ...young])).map((list) => list.length)).toEqual([0, 1, 0, 0, 0]);
    for (const name of [failed, ...young]) expect((await ledger.credential(name))?.dueAt?.getTime()).toBeGreaterThan((await ledger.now()).getTime());
    const [first] = (await rotations([late])).flat();
    await committed(ledger, await leased(ledger, first?.id ?? ''), 'requested', { to: 'aborted', reason: 'x' });
    await sweep(engineOn(ledger).engine, signal);
    const ended = await ledger.rotation(first?.id ?? '');
    expect((await ledger.credential(late))?.dueAt).toEqual(new Date((ended?.finishedAt?.getTime() ?? 0) + 5 * MINUTE));
    await open.advanceClock(6 * MINUTE);
    await sweep(engineOn(ledger).engine, signal);
    expect((await rotations([late])).flat()).toHaveLength(2);
  });

  test('one that is open, one that is paused and one that is declared anew meanwhile do not hold the others back', async () => {
    const [opened = '', paused = '', edited = '', ...rest] = await overdue(10);
    const late: Ledger = {
      ...ledger,
      requestDue: async (requests) => {
        await created(ledger, asked(opened));
        await ledger.setPause({ scope: 'credential', name: paused, actor: ACTOR });
        await ledger.declare(plannedTexts([opened, paused, edited, ...rest].map((name) => ({ plan: planOf(name), revision: name === edited ? 'r2' : 'r1' }))));
        return await ledger.requestDue(requests);
      },
    };
    await sweep(engineOn(late).engine, signal);
    expect((await rotations([opened, paused, edited, ...rest])).map((list) => list.map((row) => row.kind))).toEqual([['manual'], [], [], ...rest.map(() => ['scheduled'])]);
    await ledger.clearPause('credential', paused, ACTOR);
    await sweep(engineOn(ledger).engine, signal);
    expect((await rotations([paused, edited])).flat()).toHaveLength(2);
  });

  test('where the answer of the commit is lost, the next sweep finds the same rotations and wakes them', async () => {
    const names = await overdue(5);
    const lost: Ledger = {
      ...ledger,
      requestDue: async (requests) => {
        await ledger.requestDue(requests);
        throw new KeyturnError('LEDGER_UNREACHABLE', 'The answer is lost.');
      },
    };
    const { engine, lines } = engineOn(lost);
    await sweep(engine, signal);
    expect(lines.filter((line) => line.includes('could not be scheduled'))).toHaveLength(1);
    const rows = await rotations(names);
    expect(rows.map((list) => list.length)).toEqual(names.map(() => 1));
    const again = engineOn(ledger);
    await sweep(again.engine, signal);
    expect(await rotations(names)).toEqual(rows);
    expect(again.woken).toEqual(expect.arrayContaining(rows.flat().map(({ id }) => id)));
  });

  test('one that cannot be written keeps back none of those that are asked for with it', async () => {
    const names = await overdue(6);
    const [, , broken] = names;
    const tried: number[] = [];
    const choking: Ledger = {
      ...ledger,
      requestDue: async (requests: readonly DueRequest[]) => {
        tried.push(requests.length);
        if (requests.some(({ due }) => due.name === broken)) throw new Error('no such thing can be written');
        return await ledger.requestDue(requests);
      },
    };
    const { engine, lines } = engineOn(choking);
    await sweep(engine, signal);
    expect(tried).toEqual([6, 1, 1, 1, 1, 1, 1]);
    expect((await rotations(names)).map((list) => list.length)).toEqual(names.map((name) => (name === broken ? 0 : 1)));
    expect(lines.filter((line) => line.includes('could not be scheduled'))).toHaveLength(1);
  });
});
