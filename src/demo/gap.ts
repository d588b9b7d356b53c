/**
 * The one time in which the application may fail: from the leaked key's death, as the sandbox has it, until a call that
 * began later was answered, as the application has it. Nobody else can answer such a call than the replacement. Pure.
 */
import type { KeyLife } from '../sandbox/index.ts';
import { REFUSED, type Call } from './caller.ts';

/** What the demo did, and what came of it outside Keyturn. Instants are epoch milliseconds. */
export interface Emergency {
  /** The issuer's id of the key that leaked. */
  readonly keyId: string;
  /** When its report was sent. */
  readonly reportedAt: number;
  /** Calls of somebody who had found it. */
  readonly stranger: readonly Call[];
}

/** Longer than that is no gap but an outage. */
export const LONGEST_GAP_MS = 15_000;

export interface Gap {
  /** Null while the key lives. */
  readonly diedAt: number | null;
  /** Null when no call was answered after it died. */
  readonly recoveredAt: number | null;
}

export function gapOf(leaked: KeyLife | undefined, calls: readonly Call[]): Gap {
  const diedAt = instantOf(leaked?.revoked_at);
  if (diedAt === null) return { diedAt, recoveredAt: null };
  const answered = calls.filter(({ problem, begunAt }) => problem === null && begunAt > diedAt).map(({ endedAt }) => endedAt);
  return { diedAt, recoveredAt: answered.length === 0 ? null : Math.min(...answered) };
}

/** Null unless it has both ends. */
export function lengthOf({ diedAt, recoveredAt }: Gap): number | null {
  return diedAt === null || recoveredAt === null ? null : recoveredAt - diedAt;
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/** As far as a gap excuses anything: null for one that never ended or lasted too long. */
function excuseOf({ diedAt, recoveredAt }: Gap): Span | null {
  return diedAt === null || recoveredAt === null || recoveredAt - diedAt > LONGEST_GAP_MS ? null : { from: diedAt, until: recoveredAt };
}

/** Refused for the dead key, and under way within the gap. Whatever else goes wrong then is no part of it. */
export function isExcused({ problem, begunAt, endedAt }: Call, gap: Gap): boolean {
  const excuse = excuseOf(gap);
  return excuse !== null && problem === REFUSED && endedAt >= excuse.from && begunAt <= excuse.until;
}

/** Until when the store may have served the dead key: whoever was answered had read the replacement. */
export function servedUntil(gap: Gap): number {
  return excuseOf(gap)?.until ?? -Infinity;
}

/** Until when requests with the dead key may have reached the issuer: those under way at the gap's end, and the stranger's one try. */
export function triedUntil(gap: Gap, calls: readonly Call[], stranger: readonly Call[]): number {
  const excuse = excuseOf(gap);
  if (excuse === null) return -Infinity;
  const underWay = calls.filter(({ begunAt }) => begunAt <= excuse.until);
  return Math.max(excuse.until, ...[...underWay, ...stranger].map(({ endedAt }) => endedAt));
}

export function instantOf(text: string | null | undefined): number | null {
  return text == null ? null : Date.parse(text);
}
