/** What a point means for whoever is told about incidents. */
export type IncidentEvent = 'none' | 'opened' | 'continued' | 'closed';

export interface IncidentState {
  /** Null while none is open. */
  readonly openedAtMs: number | null;
  /** Newest point at or above the threshold; what comes within the quiet time after it is the same incident. */
  readonly lastAtMs: number;
  /** Highest score of the incident that is open. */
  readonly peak: number;
}

export const NO_INCIDENT: IncidentState = { openedAtMs: null, lastAtMs: Number.NEGATIVE_INFINITY, peak: 0 };

/** An hour: noise on the way back to normal opens nothing new. */
const QUIET_MS = 3_600_000;

/** One incident from the first score at the threshold until scores have stayed below it for an hour. Pure. */
export function stepIncident(state: IncidentState, score: number, timestampMs: number, threshold: number): { readonly state: IncidentState; readonly event: IncidentEvent } {
  const high = score >= threshold;
  const over = timestampMs - state.lastAtMs > QUIET_MS;
  if (state.openedAtMs === null || over) {
    if (high) return { state: { openedAtMs: timestampMs, lastAtMs: timestampMs, peak: score }, event: 'opened' };
    return state.openedAtMs === null ? { state, event: 'none' } : { state: NO_INCIDENT, event: 'closed' };
  }
  if (!high) return { state, event: 'none' };
  return { state: { ...state, lastAtMs: timestampMs, peak: Math.max(state.peak, score) }, event: 'continued' };
}
