import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MASK, Scrubber } from '../../src/core/scrubber.ts';

const RUNS = 2_000;

/** What it must agree with: every form looked for by itself, in the order of registering. */
function naive(values: readonly string[], text: string): string {
  return values.flatMap(forms).reduce((clean, form) => clean.replaceAll(form, MASK), text);
}

function forms(value: string): readonly string[] {
  const all = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), Buffer.from(value).toString('base64').replace(/=+$/, '')];
  return [...new Set(all)].filter((form) => form.length >= 8);
}

function scrubberOf(values: readonly string[]): Scrubber {
  const scrubber = new Scrubber();
  for (const value of values) scrubber.register(value);
  return scrubber;
}

/** Of few letters, so that values are parts of each other, overlap and share their ends. */
const value = fc.string({ unit: fc.constantFrom('a', 'b', '"', 'é', '%'), minLength: 1, maxLength: 14 });
const filler = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '"'), maxLength: 6 });

/** Values, and a text with some of their forms in it. */
const leaks = fc.array(value, { minLength: 1, maxLength: 6 }).chain((values) =>
  fc.record({
    values: fc.constant(values),
    text: fc.array(fc.oneof(filler, fc.constantFrom(...values.flatMap((one) => [one, ...forms(one)]))), { maxLength: 8 }).map((parts) => parts.join('')),
  }),
);

describe('scrubbing registered values', () => {
  test('whatever the overlaps, nothing of a registered form is left', () => {
    fc.assert(fc.property(leaks, ({ values, text }) => {
      const clean = scrubberOf(values).scrub(text);
      // What stands between two masks is what the text had between two forms: it is looked at piece by piece.
      for (const piece of clean.split(MASK)) {
        for (const form of values.flatMap(forms)) expect(piece.includes(form)).toBe(false);
      }
    }), { numRuns: RUNS });
  });

  test('it never leaves a character that looking for each form by itself takes away', () => {
    fc.assert(fc.property(leaks, ({ values, text }) => {
      const kept = scrubberOf(values).scrub(text).replaceAll(MASK, '');
      expect(kept.length).toBeLessThanOrEqual(naive(values, text).replaceAll(MASK, '').length);
    }), { numRuns: RUNS });
  });

  test('where forms do not touch each other it is the same as looking for each by itself', () => {
    const word = fc.string({ unit: fc.constantFrom(...'a b c d e f g h i j k l m n o p 0 1 2 3 4 5 6 7 8 9'.split(' ')), minLength: 8, maxLength: 20 });
    const apart = fc.array(word, { minLength: 1, maxLength: 8 }).filter((words) => words.every((one) => !words.some((other) => other !== one && other.includes(one))));
    fc.assert(fc.property(apart, fc.array(filler, { minLength: 9, maxLength: 9 }), (words, fillers) => {
      const text = fillers.map((part, at) => `${part} ${words[at % words.length]} `).join('|');
      expect(scrubberOf(words).scrub(text)).toBe(naive(words, text));
    }), { numRuns: RUNS });
  });

  test('keys that begin and end alike are told apart', () => {
    const scrubber = scrubberOf(['hm_live_one-same-end', 'hm_live_two-same-end']);
    expect(scrubber.scrub('hm_live_one-same-end hm_live_two-same-end hm_live_six-same-end')).toBe(`${MASK} ${MASK} hm_live_six-same-end`);
  });

  test('the values registered longest ago are forgotten first; registering one again makes it the newest', () => {
    const scrubber = new Scrubber(6);
    for (const name of ['first-value', 'second-value', 'third-value', 'first-value', 'fourth-value']) scrubber.register(name); // two forms each
    expect(scrubber.scrub('first-value second-value third-value fourth-value')).toBe(`${MASK} second-value ${MASK} ${MASK}`);
  });

  test('a text costs the same whether ten values are known or ten thousand', () => {
    const text = 'the quick brown fox jumps over hm_live_0123456789abcdef and goes on '.repeat(20);
    const looks = (count: number): number => {
      const scrubber = scrubberOf(Array.from({ length: count }, (_, n) => `hm_live_${n.toString(36).padStart(24, 'x')}`));
      const reads = { count: 0 };
      const watched = Object.assign(new String(text), { endsWith: (...given: [string, number?]) => { reads.count += 1; return text.endsWith(...given); } });
      scrubber.scrub(watched as unknown as string);
      return reads.count;
    };
    expect(looks(10)).toBe(0);
    expect(looks(9_000)).toBe(0);
  });
});
