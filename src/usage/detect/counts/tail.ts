/** How unlikely a count is: tails of the normal and of counts whose rate is itself uncertain. Pure functions. */

/** Numerical Recipes' Chebyshev fit of erfc, highest power first; relative error below 1.2e-7 for every argument. */
const ERFC = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223] as const;

/** −log10 P(Z ≥ z) of a standard normal Z, for z ≥ 0; exact far beyond where the probability itself is 0 as a double. */
export function normalTail(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  let sum = 0;
  for (const term of ERFC) sum = sum * t + term;
  return (x * x - sum - Math.log(t / 2)) / Math.LN10;
}

/** Newton's steps to the likeliest rate: after three, z moves by less than 0.01 where it matters. */
const STEPS = 3;

/**
 * Standard deviations by which a count is too high, 0 for one that is not: the signed root of the deviance at the likeliest
 * rate, `x²/uncertainty + D(count; mean·eˣ)` with D of the negative binomial. Unlike an integral over the unknown rate it costs
 * a few logarithms, and unlike a normal approximation it keeps the long right tail that rates have. `mayExceed` spares most calls.
 */
export function surprise(count: number, mean: number, dispersion: number, uncertainty: number): number {
  const seen = count - 0.5; // half a count for continuity
  if (seen <= mean) return 0;
  const ratio = Math.log(seen / mean);
  const information = seen / (1 + seen * dispersion);
  let x = (ratio * uncertainty * information) / (1 + uncertainty * information);
  let rate = mean * Math.exp(x);
  for (let step = 0; step < STEPS; step += 1) {
    const spread = 1 + rate * dispersion;
    const slope = (seen - rate) / spread - x / uncertainty;
    const bend = (rate * (1 + seen * dispersion)) / (spread * spread) + 1 / uncertainty;
    x = Math.min(ratio, Math.max(0, x + slope / bend));
    rate = mean * Math.exp(x);
  }
  return Math.sqrt(Math.max(0, (x * x) / uncertainty + deviance(seen, rate, dispersion)));
}

/** Twice the log-likelihood lost by a negative binomial of this mean against the best one; Poisson's when dispersion is 0. */
function deviance(seen: number, rate: number, dispersion: number): number {
  const own = seen * Math.log(seen / rate);
  if (dispersion < 1e-9) return 2 * (own - (seen - rate));
  const shape = 1 / dispersion;
  return 2 * (own - (seen + shape) * Math.log((seen + shape) / (rate + shape)));
}

/** False only where `surprise` is surely below `z`: compares the plain z of a normal of the same variance, which is never less. */
export function mayExceed(z: number, count: number, mean: number, dispersion: number, uncertainty: number): boolean {
  const over = count - 0.5 - mean;
  return over > 0 && over * over >= z * z * mean * (1 + mean * (dispersion + uncertainty));
}
