/** What every usage source owes its callers. Anyone's source can run it: `runUsageSourceContract(name, makeHarness)`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { CLUES, MAX_ADDRESS, MAX_AGENT, MAX_CLUE, USAGE_OUTCOMES, type UsageEvent, type UsageOutcome } from '../../src/core/usage.ts';
import { MAX_BATCH, type UsageBatch, type UsageSource } from '../../src/ports/usage-source.ts';

/** One request with a key, as the system that is watched sees it. */
export interface Use {
  readonly at: Date;
  /** A name of the test's; the harness makes of it whatever identifies a key there. */
  readonly key: string;
  readonly outcome: UsageOutcome;
  readonly address?: string;
  readonly agent?: string;
}

/**
 * `down`: can't be reached. `busy`: not now, wait `busyRetryAfterMs`. `slow`: no answer in time. `refused`: not for us.
 * `rubbish`: what it answers, or holds, makes no sense.
 */
export type SourceTrouble = 'none' | 'down' | 'busy' | 'slow' | 'refused' | 'rubbish';

export interface UsageSourceHarness {
  /** Its time-out must be short: at most 5 seconds. */
  readonly source: UsageSource;
  /** Appends uses, in this order. */
  add(uses: readonly Use[]): Promise<void>;
  /** Shows again what was shown last, as systems that deliver at least once do; null where it can't happen. */
  readonly repeat: (() => Promise<void>) | null;
  /** How late a use may be shown after later ones, milliseconds. */
  readonly latenessMs: number;
  /** How long after a use the source may not tell it yet, milliseconds. */
  readonly settlesMs: number;
  /** Tells the watched system what time it is, where it has a clock of its own. */
  setClock?(now: Date): void;
  trouble(kind: SourceTrouble): Promise<void>;
  /** Those that the source can be in. */
  readonly troubles: readonly Exclude<SourceTrouble, 'none'>[];
  readonly busyRetryAfterMs: number | null;
  /** The clue of a key. */
  clue(key: string): string;
  /** Whether addresses and agents are told. */
  readonly callers: boolean;
  /** The time that events are told to, milliseconds: 1, or 60,000 where they are counts by the minute. */
  readonly resolutionMs: number;
  close(): Promise<void>;
}

const MINUTE = 60_000;
const CURSOR_LIMIT = 16 * 1_024;
const never = new AbortController().signal;

/** What an event says, as far as the source's resolution goes, with counts added up. */
type Tally = Readonly<Record<string, number>>;

export function runUsageSourceContract(name: string, makeHarness: () => Promise<UsageSourceHarness>): void {
  describe(`usage source contract: ${name}`, () => {
    let harness: UsageSourceHarness;
    let now: Date;
    /** The whole minute half an hour ago. */
    let start: number;
    beforeEach(async () => {
      harness = await makeHarness();
      start = Math.floor(Date.now() / MINUTE) * MINUTE - 60 * MINUTE;
      setClock(at(0));
    });
    afterEach(() => harness.close());

    const at = (minutes: number, ms = 0): Date => new Date(start + minutes * MINUTE + ms);
    /** Time goes on with what is used. */
    const setClock = (to: Date): void => {
      now = new Date(to.getTime() + harness.settlesMs);
      harness.setClock?.(now);
    };
    const add = async (uses: readonly Use[]): Promise<void> => {
      setClock(new Date(Math.max(now.getTime() - harness.settlesMs, ...uses.map((one) => one.at.getTime() + 500))));
      await harness.add(uses);
    };
    const use = (minutes: number, more: Partial<Use> = {}): Use => ({ at: at(minutes, 1_000), key: 'a', outcome: 'ok', ...more });
    const read = async (cursor: unknown, since = at(0), signal = never): Promise<UsageBatch> => {
      const batch = await harness.source.read({ cursor, now, since }, signal);
      wellFormed(batch, now);
      return { ...batch, cursor: JSON.parse(JSON.stringify(batch.cursor)) as unknown };
    };
    const drain = async (from: unknown = null, since = at(0)): Promise<Drained> => {
      const batches: UsageBatch[] = [];
      let cursor = from;
      do {
        const batch = await read(cursor, since);
        batches.push(batch);
        ({ cursor } = batch);
      } while (batches.at(-1)?.more === true && batches.length < 400);
      return { batches, cursor, events: batches.flatMap((batch) => batch.events), malformed: batches.reduce((sum, batch) => sum + batch.malformed, 0) };
    };
    const tallyOf = (events: readonly UsageEvent[]): Tally => tally(events.map((event) => [event.at, event.clue, event.outcome, event.requests]), harness.resolutionMs);
    const expected = (uses: readonly Use[]): Tally => tally(uses.map((one) => [one.at, harness.clue(one.key), one.outcome, 1]), harness.resolutionMs);
    /** More than two batches, 20 minutes of 600 keys. */
    const many = (): readonly Use[] => Array.from({ length: 12_000 }, (_, n) => ({ at: at(Math.floor(n / 600), n % 600), key: `k${n % 600}`, outcome: USAGE_OUTCOMES[n % 7] ?? 'ok' }));

    it('says what it is, and by what it knows keys', () => {
      expect(harness.source.describe).not.toBe('');
      expect(CLUES).toContain(harness.source.clue);
      expect(harness.source.callTimeoutMs).toBeGreaterThan(0);
      expect(harness.source.callTimeoutMs).toBeLessThanOrEqual(5_000);
    });

    it('finds nothing where nothing was used, and says so', async () => {
      const { events, malformed } = await drain();
      expect([events, malformed]).toEqual([[], 0]);
    });

    it('tells time, key, outcome and caller of each use', async () => {
      const uses = USAGE_OUTCOMES.map((outcome, n) => use(n + 1, { outcome, key: `k${n}`, address: `192.0.2.${n}`, agent: `app/${n}` }));
      await add(uses);
      const { events } = await drain();
      expect(tallyOf(events)).toEqual(expected(uses));
      if (harness.callers) expect(events.map(({ address, agent }) => [address, agent])).toEqual(uses.map(({ address, agent }) => [address, agent]));
    });

    it('tells each use once, over bounded batches, and says while there is more', async () => {
      const uses = many();
      await add(uses);
      const { batches, events } = await drain();
      expect(tallyOf(events)).toEqual(expected(uses));
      expect(batches.length).toBeGreaterThan(2);
      expect(batches.map((batch) => batch.more)).toEqual(batches.map((_, n) => n < batches.length - 1));
    });

    it('tells what came since the last read, once', async () => {
      await add([use(1), use(2)]);
      const first = await drain();
      await add([use(3, { key: 'b' })]);
      const second = await drain(first.cursor);
      const third = await drain(second.cursor);
      expect(tallyOf([...first.events, ...second.events])).toEqual(expected([use(1), use(2), use(3, { key: 'b' })]));
      expect(third.events).toEqual([]);
    });

    it('tells the same again from an old cursor', async () => {
      await add(many());
      const first = await read(null);
      const [once, twice] = [await read(first.cursor), await read(first.cursor)];
      // How much one batch holds may depend on the time it takes.
      const common = Math.min(once.events.length, twice.events.length);
      expect(twice.events.slice(0, common)).toEqual(once.events.slice(0, common));
      expect(tallyOf((await drain(null)).events)).toEqual(expected(many()));
      expect(tallyOf([...first.events, ...(await drain(first.cursor)).events])).toEqual(expected(many()));
    });

    it('begins at `since`, and not before it', async () => {
      await add([use(1), use(5), use(10)]);
      expect(tallyOf((await drain(null, at(5))).events)).toEqual(expected([use(5), use(10)]));
    });

    it('claims to have seen nothing that it has not told', async () => {
      const uses = many();
      await add(uses);
      const { batches } = await drain();
      const told: UsageEvent[] = [];
      for (const { events, seenUntil } of batches) {
        told.push(...events);
        if (seenUntil === null) continue;
        const before = (when: Date): boolean => when < seenUntil;
        expect(seenUntil.getTime()).toBeLessThanOrEqual(now.getTime());
        expect(tallyOf(told.filter((event) => before(event.at)))).toEqual(expected(uses.filter((one) => before(one.at))));
      }
      expect(batches.at(-1)?.seenUntil).not.toBeNull();
    });

    it('has seen further later, never less far', async () => {
      await add([use(1), use(10)]);
      const first = await drain();
      await add([use(15)]);
      const second = await drain(first.cursor);
      const [before, after] = [first, second].map((one) => one.batches.at(-1)?.seenUntil?.getTime() ?? 0);
      expect(after).toBeGreaterThanOrEqual(before ?? 0);
    });

    it('tells what is shown twice once, also over reads', async () => {
      if (harness.repeat === null) return;
      const uses = [use(20), use(20, { key: 'b' }), use(20, { outcome: 'denied' })];
      await add(uses);
      await harness.repeat();
      const first = await drain();
      await harness.repeat();
      const second = await drain(first.cursor);
      expect(tallyOf(first.events)).toEqual(expected(uses));
      expect(second.events).toEqual([]);
    });

    it('tells uses that are shown out of order, and late ones', async () => {
      const late = new Date(at(20).getTime() - harness.latenessMs + 1_000);
      await add([use(20, { key: 'b' }), use(20, { key: 'c', at: at(20, 500) })]);
      const first = await drain();
      const uses = harness.latenessMs === 0 ? [] : [use(20, { key: 'd', at: late })];
      await add(uses);
      const second = await drain(first.cursor);
      expect(tallyOf(first.events)).toEqual(expected([use(20, { key: 'b' }), use(20, { key: 'c', at: at(20, 500) })]));
      expect(tallyOf(second.events)).toEqual(expected(uses));
      for (const { seenUntil } of first.batches) expect(uses.every((one) => seenUntil === null || one.at >= seenUntil)).toBe(true);
    });

    it('makes one safe line of whatever a caller writes, and brings no key’s value in', async () => {
      const value = new Secret(`hm_live_hostile${'7c'.repeat(10)}`).reveal();
      const unknown = 'hm_live_0a1b2c3d4e5f60718293a4b5c6d7e8f9';
      const nasty = [`<!channel> <script>"'\`</script>`, 'a\u001b[2J\u001b]0;owned\u0007b', 'line\r\nother: line', '\u202egnp.exe\u200b\u0000', 'x'.repeat(5_000), `Bearer ${value}`, unknown, '😀'.repeat(100)];
      await add(nasty.map((agent, n) => use(5, { key: `k${n}`, agent, address: agent })));
      const { events, cursor } = await drain();
      expect(events).toHaveLength(nasty.length);
      for (const { address, agent, clue } of events) {
        for (const text of [address ?? '', agent ?? '', clue]) {
          expect(text).not.toMatch(/[\p{Cc}\u2028\u2029\u200b\u202e]/u);
          expect(text.isWellFormed()).toBe(true);
        }
      }
      for (const secret of [value, unknown]) expect(JSON.stringify([events, cursor])).not.toContain(secret);
    });

    it('says in its own errors, with what to do, that it can not be read, and loses nothing', async () => {
      await add([use(1)]);
      const first = await drain();
      await add([use(2)]);
      for (const kind of harness.troubles) {
        if (kind === 'rubbish') continue;
        await harness.trouble(kind);
        const error = await refusal(read(first.cursor));
        expect([kind, error.code]).toEqual([kind, kind === 'refused' ? 'SOURCE_REFUSED' : 'SOURCE_UNAVAILABLE']);
        expect(error.sentence.length).toBeGreaterThan(error.code.length);
        if (kind === 'busy' && harness.busyRetryAfterMs !== null) expect(error.retryAfterMs).toBe(harness.busyRetryAfterMs);
        expect((await refusal(harness.source.probe(never))).code).toBe(error.code);
      }
      await harness.trouble('none');
      expect(tallyOf((await drain(first.cursor)).events)).toEqual(expected([use(2)]));
    }, 30_000);

    it('takes rubbish for an error or for malformed records, with an example that shows nothing dangerous', async () => {
      if (!harness.troubles.includes('rubbish')) return;
      await add([use(1)]);
      const first = await drain();
      await add([use(2)]);
      await harness.trouble('rubbish');
      const read = await drain(first.cursor).catch((thrown: unknown) => thrown);
      if (read instanceof KeyturnError) expect(read.code).toMatch(/^SOURCE_/);
      else expect((read as Drained).malformed).toBeGreaterThan(0);
      const probed = await harness.source.probe(never).catch((thrown: unknown) => thrown);
      if (probed instanceof KeyturnError) expect(probed.code).toMatch(/^SOURCE_/);
      else expect(probed).toEqual([expect.stringMatching(/^\P{Cc}{10,600}$/u)]);
      await harness.trouble('none');
      expect(tallyOf((await drain(first.cursor)).events)).toEqual(expected([use(2)]));
    });

    it('gives up when it is told to, and by itself in time', async () => {
      if (!harness.troubles.includes('slow')) return;
      await harness.trouble('slow');
      const began = performance.now();
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 50);
      expect((await refusal(read(null, at(0), stop.signal))).code).toBe('SOURCE_UNAVAILABLE');
      expect(performance.now() - began).toBeLessThan(harness.source.callTimeoutMs);
      const again = performance.now();
      expect((await refusal(read(null))).code).toBe('SOURCE_UNAVAILABLE');
      expect(performance.now() - again).toBeLessThan(harness.source.callTimeoutMs + 5_000);
    });

    it('does nothing when it was told to stop before', async () => {
      await add([use(1)]);
      expect((await refusal(read(null, at(0), AbortSignal.abort()))).code).toBe('SOURCE_UNAVAILABLE');
    });

    it('begins anew with a cursor that it does not understand', async () => {
      await add([use(1)]);
      for (const cursor of ['?', 7, [], { v: 99 }, { v: 1 }]) expect(tallyOf((await drain(cursor)).events)).toEqual(expected([use(1)]));
    });

    it('its probe finds nothing odd where all is well', async () => {
      await add([use(29)]);
      expect(await harness.source.probe(never)).toEqual([]);
    });
  });
}

interface Drained {
  readonly batches: readonly UsageBatch[];
  readonly cursor: unknown;
  readonly events: readonly UsageEvent[];
  readonly malformed: number;
}

function wellFormed({ events, cursor, seenUntil, malformed, example }: UsageBatch, now: Date): void {
  expect(events.length).toBeLessThanOrEqual(MAX_BATCH);
  expect(JSON.stringify(cursor).length).toBeLessThanOrEqual(CURSOR_LIMIT);
  expect(seenUntil === null || seenUntil <= now).toBe(true);
  expect(example === null).toBe(malformed === 0);
  expect(example ?? '').not.toMatch(/\p{Cc}/u);
  expect((example ?? '').length).toBeLessThanOrEqual(300);
  const wrong = events.filter(
    (event) =>
      !(Number.isInteger(event.requests) && event.requests >= 1) ||
      Number.isNaN(event.at.getTime()) ||
      event.clue === '' ||
      event.clue.length > MAX_CLUE ||
      (event.address ?? '').length > MAX_ADDRESS ||
      (event.agent ?? '').length > MAX_AGENT ||
      !USAGE_OUTCOMES.includes(event.outcome),
  );
  expect(wrong).toEqual([]);
}

function tally(told: readonly (readonly [Date, string, UsageOutcome, number])[], resolutionMs: number): Tally {
  const counts: Record<string, number> = {};
  for (const [at, clue, outcome, requests] of told) {
    const what = `${new Date(Math.floor(at.getTime() / resolutionMs) * resolutionMs).toISOString()} ${clue} ${outcome}`;
    counts[what] = (counts[what] ?? 0) + requests;
  }
  return counts;
}

async function refusal(work: Promise<unknown>): Promise<KeyturnError> {
  const thrown: unknown = await work.then(
    () => new Error('it was expected to fail'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof KeyturnError)) throw thrown;
  return thrown;
}
