/**
 * Scores are −log10 of the probability that a usual minute opens an incident with such a score: for all windows together, and
 * for counts that obey the model. So a threshold follows from a budget by counting points. Measured on synthetic traffic
 * (docs/detection.md), false incidents at thresholds 4, 5 and 6 were 0.25, 0.3 and 0.4 of what this promises.
 */
const WEEK_SECONDS = 604_800;
/** Below it, one remarkable point in a few hundred would be an incident. */
const LEAST = 3;

/**
 * The score from which to alert, so that a key has about so many false incidents a week: 6 for 0.01 at one point a minute.
 * Throws RangeError unless both are above 0.
 */
export function thresholdFor(falseIncidentsPerKeyWeek: number, intervalSeconds: number): number {
  if (!(falseIncidentsPerKeyWeek > 0 && intervalSeconds > 0)) throw new RangeError('a budget and an interval above 0 are needed');
  return Math.max(LEAST, -Math.log10((falseIncidentsPerKeyWeek * intervalSeconds) / WEEK_SECONDS));
}
