import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayExceed, normalTail, surprise } from '../../../src/usage/detect/counts/tail.ts';

describe('the tail of a normal', () => {
  it('is that of the tables', () => {
    const known = [[0, 0.5], [1, 0.15865525393145707], [1.959963984540054, 0.025], [3, 1.3498980316300946e-3], [5, 2.866515718791939e-7], [8, 6.220960574271785e-16]] as const;
    for (const [z, p] of known) expect(normalTail(z)).toBeCloseTo(-Math.log10(p), 6);
  });

  it('goes on where the probability is no double any more', () => {
    expect(normalTail(40)).toBeCloseTo(349.437, 2); // 3.6559e-350
  });
});

describe('a surprising count', () => {
  it('of Poisson counts is near the exact tail', () => {
    // P(X ≥ 10) with mean 2, and P(X ≥ 150) with mean 100.
    expect(normalTail(surprise(10, 2, 0, 1e-6))).toBeCloseTo(-Math.log10(4.6498e-5), 0);
    expect(normalTail(surprise(150, 100, 0, 1e-6))).toBeCloseTo(-Math.log10(poissonTail(150, 100)), 0);
  });

  it('of a rate that is only known to a factor has a log-normal tail', () => {
    expect(surprise(1e6 * Math.exp(1.5), 1e6, 0, 0.09)).toBeCloseTo(5, 2);
  });

  it('is more surprising the higher it is, and less the less is known', () => {
    const positive = fc.double({ min: 0.01, max: 1e4, noNaN: true });
    const variance = fc.double({ min: 1e-3, max: 2, noNaN: true });
    fc.assert(fc.property(positive, fc.double({ min: 1, max: 50, noNaN: true }), variance, variance, (mean, times, dispersion, uncertainty) => {
      const count = Math.ceil(mean * times) + 1;
      const z = surprise(count, mean, dispersion, uncertainty);
      expect(z).toBeGreaterThanOrEqual(0);
      expect(surprise(2 * count, mean, dispersion, uncertainty)).toBeGreaterThanOrEqual(z - 0.05);
      expect(surprise(count, mean, dispersion, uncertainty * 2)).toBeLessThanOrEqual(z + 0.05);
    }));
  });

  it('is never missed by the cheap test', () => {
    const variance = fc.double({ min: 1e-3, max: 2, noNaN: true });
    fc.assert(fc.property(fc.double({ min: 0.01, max: 1e5, noNaN: true }), fc.double({ min: 1, max: 100, noNaN: true }), variance, variance, (mean, times, dispersion, uncertainty) => {
      const count = Math.ceil(mean * times) + 1;
      const z = surprise(count, mean, dispersion, uncertainty);
      if (z > 0.1) expect(mayExceed(z * 0.999 - 0.01, count, mean, dispersion, uncertainty)).toBe(true);
    }), { numRuns: 2_000 });
  });
});

function poissonTail(from: number, mean: number): number {
  let [term, sum] = [Math.exp(-mean), 0];
  for (let n = 1; n < from + 200; n += 1) {
    term *= mean / n;
    if (n >= from) sum += term;
  }
  return sum;
}
