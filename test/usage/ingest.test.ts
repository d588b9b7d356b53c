import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import type { UsageEvent } from '../../src/core/usage.ts';
import type { Log } from '../../src/ports/log.ts';
import { MAX_CLUES } from '../../src/ports/usage-ledger.ts';
import type { ReadRequest, UsageBatch, UsageSource } from '../../src/ports/usage-source.ts';
import { ingest, recordEvents, type Ingesting } from '../../src/usage/ingest.ts';
import { ACTOR, declared, fresh, keyOf } from '../ledger/fixtures.ts';
import { RUNTIMES, openRuntime, type OpenRuntime } from '../support/runtimes.ts';

const never = new AbortController().signal;
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** Reads a list from a position, `size` at a time. */
function listed(name: string, events: readonly UsageEvent[], size: number, more: Partial<UsageSource> = {}): UsageSource & { readonly reads: ReadRequest[] } {
  const reads: ReadRequest[] = [];
  return {
    name, type: 'fake', describe: name, clue: 'id', callTimeoutMs: 1_000, reads,
    read: async (request): Promise<UsageBatch> => {
      reads.push(request);
      const from = Number(request.cursor ?? 0);
      const taken = events.slice(from, from + size);
      return { events: taken, cursor: from + taken.length, seenUntil: null, more: from + taken.length < events.length, malformed: 0, example: null };
    },
    probe: async () => [],
    ...more,
  };
}

describe.each(RUNTIMES.filter(({ name }) => name !== 'redis'))('reading usage into the ledger on $name', (runtime) => {
  let open: OpenRuntime;
  let ingesting: Ingesting;
  let key = { id: '', issuerKeyId: '' };
  beforeAll(async () => {
    open = await openRuntime(runtime);
    ingesting = { usage: open.usage, retention: { minutesMs: 86_400_000 }, log: quiet, now: () => open.ledger.now() };
    const credential = fresh('cred');
    await declared(open.ledger, credential);
    key = await open.ledger.adopt(keyOf(credential, { state: 'current', prefix: 'hm_live_zz' }), ACTOR, {});
  });
  afterAll(() => open.close());

  const events = async (count: number, more: Partial<UsageEvent> = {}): Promise<readonly UsageEvent[]> => {
    const at = await open.ledger.now();
    return Array.from({ length: count }, () => ({ at, clue: key.issuerKeyId, outcome: 'ok', requests: 1, address: '10.0.0.1', agent: 'app/1', ...more }));
  };
  const counted = async (source: string): Promise<number> => {
    const now = (await open.ledger.now()).getTime();
    return (await open.usage.buckets([key.id], 'hour', new Date(now - 7_200_000), new Date(now + 7_200_000))).filter((one) => one.source === source).reduce((sum, { requests }) => sum + requests, 0);
  };

  test('takes batch after batch until nothing is left, and goes on there the next time', async () => {
    const name = fresh('source');
    const source = listed(name, await events(25), 10);
    expect(await ingest(ingesting, source, never)).toBe(25);
    expect(await ingest(ingesting, source, never)).toBe(0);
    expect(source.reads.map(({ cursor }) => cursor)).toEqual([null, 10, 20, 25]);
    expect(await counted(name)).toBe(25);
  });

  test('of workers that read one source at once each event counts once', async () => {
    const name = fresh('source');
    const all = await events(40);
    await Promise.all(Array.from({ length: 4 }, () => ingest(ingesting, listed(name, all, 10), never)));
    await ingest(ingesting, listed(name, all, 10), never);
    expect(await counted(name)).toBe(40);
  });

  test('a worker that dies before the write reads the same again', async () => {
    const name = fresh('source');
    const all = await events(10);
    const dying = { ...ingesting, usage: { ...open.usage, record: () => Promise.reject(new KeyturnError('LEDGER_UNREACHABLE', 'gone')) } };
    await ingest(dying, listed(name, all, 10), never);
    expect(await counted(name)).toBe(0);
    await ingest(ingesting, listed(name, all, 10), never);
    expect(await counted(name)).toBe(10);
  });

  test('a source that fails says since when, and what was read before stays', async () => {
    const name = fresh('source');
    let reads = 0;
    const source = listed(name, await events(20), 10);
    const failing = { ...source, read: (request: ReadRequest, signal: AbortSignal) => ((reads += 1) === 2 ? Promise.reject(new KeyturnError('SOURCE_UNAVAILABLE', 'No answer.')) : source.read(request, signal)) };
    expect(await ingest(ingesting, failing, never)).toBe(10);
    expect(await open.usage.source(name)).toMatchObject({ failingSince: expect.any(Date), lastError: expect.stringContaining('No answer.') });
    expect(await ingest(ingesting, failing, never)).toBe(10);
    expect(await open.usage.source(name)).toMatchObject({ failingSince: null });
  });

  test('of a batch with more clues than are looked up at once none is taken for unknown', async () => {
    const name = fresh('source');
    const [mine] = await events(1);
    const others = Array.from({ length: MAX_CLUES }, (_, n) => ({ ...(mine ?? expect.fail()), clue: `key_of_nobody_${n}` }));
    const taken = { source: name, clue: 'id', now: await open.ledger.now(), events: [...others, ...(await events(1))], malformed: 0, example: null, seenUntil: null, cursor: null, batchId: null } as const;
    expect(await recordEvents(ingesting, taken)).toBe('recorded');
    expect(await counted(name)).toBe(1);
    expect(await open.usage.source(name)).toMatchObject({ unknown: MAX_CLUES });
  });

  test('an event may say that its clue is a prefix, and what is of no known key is counted apart', async () => {
    const name = fresh('source');
    const denied = await events(3, { clue: 'hm_live_zz12', clueKind: 'prefix', outcome: 'denied' });
    await ingest(ingesting, listed(name, [...denied, ...(await events(2, { clue: 'key_nobody' }))], 10), never);
    expect(await counted(name)).toBe(3);
    expect(await open.usage.source(name)).toMatchObject({ unknown: 2, unknownExample: 'key_nobody' });
  });
});
