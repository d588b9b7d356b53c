import type { Carrier } from './carry.ts';
import type { Noise } from './noise.ts';

/** A point may pull the level by no more than this many of its standard deviations. */
const PULL = 3;
/** Before the first point anything is possible. */
const UNKNOWN = 4;

/** Where a key's rate stands beside its baseline, as a logarithm with a variance: an extended Kalman filter, one step a point. */
export class Level {
  log = 0;
  variance = UNKNOWN;

  /** One point passes. */
  drift(noise: Noise): void {
    this.log *= noise.stay;
    this.variance = this.variance * noise.stay * noise.stay + noise.step;
  }

  /** Many points pass unseen. */
  driftFor(points: number, noise: Noise): void {
    const stay = noise.stay ** points;
    this.log *= stay;
    this.variance = this.variance * stay * stay + noise.variance * (1 - stay * stay);
  }

  /** Takes a count in, `expected` being the baseline times e^log. */
  learn(count: number, expected: number, dispersion: number): void {
    const spread = 1 + expected * dispersion;
    const most = PULL * Math.sqrt(expected * spread + expected * expected * this.variance);
    const over = Math.min(count - expected, most);
    this.variance /= 1 + (this.variance * expected) / spread;
    let pull = (this.variance * over) / spread;
    // Far off, the linear step overshoots: it may not pass the count itself.
    if (Math.abs(pull) > 0.5) pull = clamp(pull, Math.log((count + 0.5) / (expected + 0.5)));
    this.log += pull;
  }

  carry(carrier: Carrier): void {
    this.log = carrier.number(this.log);
    this.variance = carrier.number(this.variance);
  }
}

/** Of a pull, what lies between 0 and the way there. */
function clamp(pull: number, way: number): number {
  return pull > 0 ? Math.min(pull, Math.max(0, way)) : Math.max(pull, Math.min(0, way));
}
