/** The verdict: figures, and whether Keyturn's promises were kept. Pure. */
import { lengthOf } from './gap.ts';
import { alive, failuresOf, gapIn, PROMISES, type Evidence } from './promises.ts';

export interface Verdict {
  readonly keysMinted: number;
  readonly keysLive: number;
  readonly applicationRequests: number;
  /** Outside the emergency's gap. */
  readonly applicationFailures: number;
  readonly failuresInEmergencyGap: number;
  /** From the leaked key's death to the first call with its replacement; null when that never came. */
  readonly emergencyGapMs: number | null;
  /** From the report of the leak to the key's death; null when it lives. */
  readonly timeToRevokeMs: number | null;
  readonly messagesDelivered: number;
  readonly slackMessages: number;
  readonly mails: number;
  readonly rotations: Readonly<Record<string, number>>;
  readonly longestRotationMs: number;
  readonly promisesKept: readonly string[];
  /** Each with what was seen instead. */
  readonly promisesBroken: readonly string[];
}

export function judge(seen: Evidence): Verdict {
  const [gap, failures] = [gapIn(seen), failuresOf(seen).length];
  const verdicts = PROMISES.map(({ promise, broken }) => ({ promise, why: broken(seen) }));
  return {
    keysMinted: seen.keys.length,
    keysLive: alive(seen).length,
    applicationRequests: seen.application.requests,
    applicationFailures: failures,
    failuresInEmergencyGap: seen.calls.filter(({ problem }) => problem !== null).length - failures,
    emergencyGapMs: lengthOf(gap),
    timeToRevokeMs: gap.diedAt === null ? null : gap.diedAt - seen.emergency.reportedAt,
    messagesDelivered: seen.messages.slack.length + seen.messages.mail.length,
    slackMessages: seen.messages.slack.length,
    mails: seen.messages.mail.length,
    rotations: Object.fromEntries([...Map.groupBy(seen.rotations, ({ state }) => state)].map(([state, all]) => [state, all.length])),
    longestRotationMs: Math.max(0, ...seen.rotations.map(({ createdAt, finishedAt }) => (finishedAt === null ? 0 : Date.parse(finishedAt) - Date.parse(createdAt)))),
    promisesKept: verdicts.filter(({ why }) => why === null).map(({ promise }) => promise),
    promisesBroken: verdicts.filter(({ why }) => why !== null).map(({ promise, why }) => `${promise}: ${why}`),
  };
}

const WHOLE_KEY = /hm_(?:live_|test_)?[A-Za-z0-9]{16,}/;

/** The names of those texts that hold something like a whole key. A prefix of 8 characters is none. */
export function leaksIn(texts: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(texts).filter(([, text]) => WHOLE_KEY.test(text)).map(([where]) => where);
}
