/** What every leak source owes its callers. Anyone's source can run it: `runLeakSourceContract(name, makeHarness)`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyturnError } from '../../src/core/errors.ts';
import type { LeakDelivery, LeakSource } from '../../src/ports/leak-source.ts';

export interface LeakSourceHarness {
  readonly source: LeakSource;
  /** When deliveries are signed and looked at. */
  readonly now: Date;
  /** A delivery that tells of these values, signed as its sender does, at `at` where that is part of the signature. Null for `body`: those of the values. */
  deliver(values: readonly string[], more?: { readonly at?: Date; readonly body?: Buffer }): Promise<LeakDelivery>;
  /** What the source may tell of a value. */
  readonly carries: 'value' | 'hash' | 'reference';
  /** Values in one delivery. */
  readonly many: number;
  /** Headers without which nothing is proved; none where the way in is the guard. */
  readonly proofs: readonly string[];
  /** Whether the time of the signature is proved. */
  readonly timed: boolean;
  /** Bodies that are signed well and tell of nothing. */
  readonly silent: readonly (readonly [what: string, delivery: () => Promise<LeakDelivery>])[];
  /** A list with one entry that can't be understood beside one that can; null where there are no lists. */
  readonly partly: (() => Promise<LeakDelivery>) | null;
  close(): Promise<void>;
}

const VALUE = `hm_live_${'0123456789abcdef'.repeat(3)}`;
const signal = new AbortController().signal;

export function runLeakSourceContract(name: string, makeHarness: () => Promise<LeakSourceHarness>): void {
  describe(`leak source contract: ${name}`, () => {
    let harness: LeakSourceHarness;
    beforeEach(async () => { harness = await makeHarness(); });
    afterEach(() => harness.close());

    const verify = async (delivery: LeakDelivery, at = harness.now): Promise<unknown> => await harness.source.verify?.(delivery, async () => at, signal).then(() => 'verified', (error: unknown) => error);
    const refused = async (delivery: LeakDelivery, at?: Date): Promise<KeyturnError> => {
      const error = await verify(delivery, at);
      expect(error).toBeInstanceOf(KeyturnError);
      return error as KeyturnError;
    };

    it('takes what its sender sent, and says what leaked', async () => {
      const delivery = await harness.deliver([VALUE]);
      if (harness.source.verify !== undefined) expect(await verify(delivery)).toBe('verified');
      const { leaks, malformed } = harness.source.read(delivery);
      expect([leaks.length, malformed]).toEqual([1, 0]);
      expect(leaks[0]?.secret.kind).toBe(harness.carries);
      if (leaks[0]?.secret.kind === 'value') expect(leaks[0].secret.value).toBe(VALUE);
      if (leaks[0]?.secret.kind === 'reference') expect(leaks[0].secret.reference.length).toBeLessThanOrEqual(500);
    });

    it('takes many at once', async () => {
      const values = Array.from({ length: harness.many }, (_, n) => `${VALUE}${n}`);
      const delivery = await harness.deliver(values);
      if (harness.source.verify !== undefined) expect(await verify(delivery)).toBe('verified');
      expect(harness.source.read(delivery).leaks).toHaveLength(harness.many);
    });

    it('refuses what was altered, cut short, lengthened or not signed, always in the same words', async () => {
      if (harness.source.verify === undefined) return expect(harness.proofs).toEqual([]);
      const good = await harness.deliver([VALUE]);
      const flipped = Buffer.from(good.body);
      flipped[flipped.length - 2] = (flipped.at(-2) ?? 0) ^ 1;
      const bodies = [flipped, good.body.subarray(0, -1), good.body.subarray(0, 10), Buffer.alloc(0), Buffer.concat([good.body, Buffer.from(' ')])];
      const errors = await Promise.all([
        ...bodies.map((body) => refused({ ...good, body })),
        ...harness.proofs.flatMap((header) => [undefined, '', 'x', `${good.headers[header]}0`, `${good.headers[header]}, ${good.headers[header]}`].map((value) => refused({ ...good, headers: { ...good.headers, [header]: value } }))),
        refused({ body: good.body, headers: {} }),
      ]);
      expect(new Set(errors.map((error) => `${error.code} ${error.sentence}`)).size).toBe(1);
      expect(errors[0]?.code).toBe('UNAUTHENTICATED');
    });

    it('refuses what is signed for another time than now', async () => {
      if (!harness.timed) return;
      const good = await harness.deliver([VALUE]);
      for (const ms of [-3_600_000, 3_600_000]) expect((await refused(good, new Date(harness.now.getTime() + ms))).code).toBe('UNAUTHENTICATED');
      const old = await harness.deliver([VALUE], { at: new Date(harness.now.getTime() - 3_600_000) });
      expect((await refused(old)).code).toBe('UNAUTHENTICATED');
    });

    it('is not steered by a body of another form, and repeats nothing of it', async () => {
      for (const text of [VALUE, '', '{', '"x"', '7', 'null', '[[[[', '{"leaks":{}}', `{"${VALUE}":1}`, '\u0000']) {
        const delivery = await harness.deliver([], { body: Buffer.from(text) });
        if (harness.source.verify !== undefined) expect(await verify(delivery)).toBe('verified');
        const said = told(() => harness.source.read(delivery));
        expect(said).not.toContain(VALUE);
        expect(said).toMatch(/^(USAGE |\{"leaks":\[\],)/);
      }
    });

    it('tells of nothing where nothing leaked', async () => {
      for (const [what, make] of harness.silent) expect([what, harness.source.read(await make())]).toEqual([what, { leaks: [], malformed: 0 }]);
    });

    it('counts what it does not understand, and takes the rest', async () => {
      if (harness.partly === null) return;
      const { leaks, malformed } = harness.source.read(await harness.partly());
      expect([leaks.length, malformed]).toEqual([1, 1]);
    });

    it('says for doctor what it takes', async () => {
      expect(await harness.source.probe(signal)).toMatch(/^takes /);
    });
  });
}

function told(read: () => unknown): string {
  try {
    return JSON.stringify(read());
  } catch (error) {
    return error instanceof KeyturnError ? `${error.code} ${error.sentence}` : `UNEXPECTED ${String(error)}`;
  }
}
