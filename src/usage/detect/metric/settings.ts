/** The detector's few settings, and what follows from the length of a series. How they were chosen: docs/detection.md. */

/** From which score on a point alerts when nobody says: 1 point in 300 of a series of 4,032 is as strange. */
export const DEFAULT_ALERT_SCORE = 2.5;

/** What a series is taken to be judged over when nobody says how long it is. */
const DEFAULT_DAYS = 14;
const DAY_SECONDS = 86_400;
/** The unit of scores: two weeks of a point every five minutes. */
const REFERENCE_POINTS = 4_032;
/** Of a series so short nothing can be learnt in a part of it. */
const LEAST_POINTS = 100;

/** Shares of the span. */
const LEARNING = 0.15;
const HALF_LIFE = 0.3;
const SCORES_HALF_LIFE = 2;
const HOLD = 0.02;
const MOST_LEARNING = 750;

export interface Pace {
  /** Points at the beginning that get no score. */
  readonly learning: number;
  /** Points after which what was usual weighs half. */
  readonly halfLife: number;
  /** Points after which the scores of old weigh half. */
  readonly scoresHalfLife: number;
  /** Points for which an alert holds. */
  readonly hold: number;
  /** What a score loses for the length of the series, in powers of ten: a longer one has more chances of a rare point. */
  readonly allowance: number;
}

/** `length`: the points expected in all, or null when there is no end. */
export function paceOf(intervalSeconds: number, length: number | null): Pace {
  const span = Math.max(LEAST_POINTS, length ?? (DEFAULT_DAYS * DAY_SECONDS) / intervalSeconds);
  return {
    learning: Math.min(MOST_LEARNING, Math.floor(LEARNING * span)),
    halfLife: HALF_LIFE * span,
    scoresHalfLife: SCORES_HALF_LIFE * span,
    hold: Math.round(HOLD * span),
    allowance: Math.log10(span / REFERENCE_POINTS),
  };
}
