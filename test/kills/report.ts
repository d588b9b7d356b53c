/** One run in one line, or as one JSON object. */
import type { Run, Deeds } from './drive.ts';
import type { Collected } from './evidence.ts';
import type { Verdict } from './judge.ts';
import type { Stage } from './stage.ts';

export interface Report {
  readonly runtime: string;
  readonly seed: number;
  readonly kills: number;
  readonly others: Readonly<Record<string, number>>;
  readonly diskFilledBy: string;
  /** By the state that the killed worker's last transition led to. */
  readonly statesAtKill: Readonly<Record<string, number>>;
  readonly rotations: Readonly<Record<string, number>>;
  readonly credentials: number;
  readonly keysMinted: number;
  readonly keysLive: number;
  readonly requests: number;
  readonly failures: { readonly inEmergencyGaps: number; readonly refusedOtherwise: number; readonly other: number };
  readonly longestGap: Verdict['longestGap'];
  /** Revocations whose acceptance is known. */
  readonly accepted: number;
  readonly restAfterMs: number;
  readonly tookMs: number;
  readonly promisesBroken: readonly string[];
  /** Where everything of a run lies that failed or was to be kept. */
  readonly kept: string | null;
}

interface Parts {
  readonly run: Run;
  readonly stage: Stage;
  readonly deeds: Deeds;
  readonly facts: Collected;
  readonly verdict: Verdict;
  readonly tookMs: number;
  readonly kept: string | null;
}

export function report({ run, stage, deeds, facts, verdict, tookMs, kept }: Parts): Report {
  const minted = facts.keys.filter((key) => key.name.includes('-kt-'));
  const { failuresInGaps, otherFailures } = verdict;
  return {
    runtime: run.runtime, seed: run.seed, kills: deeds.kills.length,
    others: Object.fromEntries(deeds.others), diskFilledBy: stage.disk.how,
    statesAtKill: Object.fromEntries([...Map.groupBy(deeds.kills, ({ state }) => state)].map(([state, all]) => [state, all.length])),
    rotations: facts.rotations,
    credentials: stage.declared.length, keysMinted: minted.length, keysLive: minted.filter((key) => key.status === 'active').length,
    requests: facts.application.requests,
    failures: { inEmergencyGaps: failuresInGaps, refusedOtherwise: facts.application.failures.length - failuresInGaps - otherFailures, other: otherFailures },
    longestGap: verdict.longestGap, accepted: facts.accepted.length, restAfterMs: facts.rest.afterMs, tookMs,
    promisesBroken: verdict.broken, kept,
  };
}

const listed = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', ') || 'none';

export function summaryLine(one: Report): string {
  const { failures: f, rotations: r } = one;
  return `${one.runtime}: ${one.kills} kills (in ${listed(one.statesAtKill)}); besides ${listed(one.others)} (disk: ${one.diskFilledBy}); `
    + `rotations ${r['done'] ?? 0} done, ${r['aborted'] ?? 0} aborted, ${r['rolled_back'] ?? 0} rolled back; ${one.keysMinted} keys minted, ${one.keysLive} live; `
    + `${one.requests} application requests, ${f.refusedOtherwise} refused outside emergencies, ${f.inEmergencyGaps} in emergency gaps (the longest ${one.longestGap === null ? 'none' : `${seconds(one.longestGap.ms)}, of ${one.longestGap.credential} at ${new Date(one.longestGap.from).toISOString()}`}), ${f.other} failed otherwise; ${one.accepted} revocations accepted from scanners and by break glass; `
    + `at rest after ${seconds(one.restAfterMs)}, ${seconds(one.tookMs)} in all; seed ${one.seed}; ${one.promisesBroken.length} promises broken`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
