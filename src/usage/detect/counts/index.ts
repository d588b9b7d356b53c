/** The streaming detector for request counts of one key: how unusually many requests came. Pure; see docs/detection.md. */
import { isZone } from '../../../core/zone.ts';
import { Reader, Writer, type Carrier } from './carry.ts';
import { Detector, type DetectorSettings } from './detector.ts';
import { explainWindow, type CountsExplanation } from './explain.ts';

export { NO_INCIDENT, stepIncident, type IncidentEvent, type IncidentState } from './incidents.ts';
export { thresholdFor } from './threshold.ts';
export type { CountsExplanation } from './explain.ts';

export interface CountsOptions {
  /** Seconds that a count covers, 60 to 3,600; 60 when left out. */
  readonly intervalSeconds?: number;
  /** IANA zone whose clock the key's people live by, so that their day does not move with summer time; UTC when left out. */
  readonly timezone?: string;
  /** After so long at an unusual level it is the usual one; three hours when left out. */
  readonly acceptAfterMinutes?: number;
}

export interface CountsDetector {
  /**
   * Takes the requests of the interval that holds `timestampMs`, and gives its score: −log10 of the probability that a usual
   * interval stands out so much in any window of 1 to 15 minutes that ends with it; 0 when nothing is remarkable (below about
   * 2). Intervals without a call are missing, not empty. A count that is no number or negative, and a time that is repeated,
   * earlier or no date, are ignored and score 0. Never throws.
   */
  next(count: number, timestampMs: number): number;
  /** About the last call of `next`; costs nothing unless called. */
  explain(): CountsExplanation;
  /** Below 2 KB. */
  save(): Uint8Array;
}

const VERSION = 1;
const LEAST_INTERVAL = 60;
const MOST_INTERVAL = 3_600;
const ACCEPT_AFTER_MINUTES = 180;

/** Throws RangeError for an interval or a time that is out of range, and for a zone that Node does not know. */
export function createCountsDetector(options: CountsOptions = {}): CountsDetector {
  return wrap(checked({
    intervalSeconds: options.intervalSeconds ?? LEAST_INTERVAL,
    // Counting in UTC needs no calendar.
    zone: options.timezone === 'UTC' ? null : (options.timezone ?? null),
    acceptAfterMinutes: options.acceptAfterMinutes ?? ACCEPT_AFTER_MINUTES,
  }));
}

/** Goes on exactly where `save` left off. Throws RangeError for anything else than what `save` gave. */
export function restoreCountsDetector(state: Uint8Array): CountsDetector {
  const reader = new Reader(state);
  if (reader.number() !== VERSION) throw new RangeError('a detector state of another version');
  const [intervalSeconds, acceptAfterMinutes, zoneLength] = [reader.number(), reader.number(), reader.number()];
  if (!(zoneLength >= 0 && zoneLength <= reader.left)) throw new RangeError('a detector state that is damaged');
  const zone = new Uint8Array(zoneLength);
  reader.array(zone);
  const settings = checked({ intervalSeconds, acceptAfterMinutes, zone: zoneLength === 0 ? null : new TextDecoder().decode(zone) });
  return wrap(settings, reader);
}

function wrap(settings: DetectorSettings, saved?: Reader): CountsDetector {
  const detector = new Detector(settings);
  if (saved !== undefined) detector.carry(saved);
  if (saved !== undefined && saved.left > 0) throw new RangeError('a detector state that is too long');
  return {
    next: (count, timestampMs) => detector.next(count, timestampMs),
    explain() {
      const window = detector.explain();
      return explainWindow(window, window.points * settings.intervalSeconds);
    },
    save() {
      const writer = new Writer();
      writeHead(writer, settings);
      detector.carry(writer);
      return writer.done();
    },
  };
}

function writeHead(carrier: Carrier, { intervalSeconds, acceptAfterMinutes, zone }: DetectorSettings): void {
  const name = new TextEncoder().encode(zone ?? '');
  for (const value of [VERSION, intervalSeconds, acceptAfterMinutes, name.length]) carrier.number(value);
  carrier.array(name);
}

function checked(settings: DetectorSettings): DetectorSettings {
  const { intervalSeconds, acceptAfterMinutes, zone } = settings;
  if (!(intervalSeconds >= LEAST_INTERVAL && intervalSeconds <= MOST_INTERVAL)) throw new RangeError(`an interval of ${LEAST_INTERVAL} to ${MOST_INTERVAL} seconds is needed`);
  if (!(acceptAfterMinutes > 0 && acceptAfterMinutes < Infinity)) throw new RangeError('a time after which a new level is accepted, in minutes above 0, is needed');
  if (zone !== null && !isZone(zone)) throw new RangeError(`no time zone is called ${zone}`);
  return settings;
}
