/**
 * A scan of one usage source: every credential that it showed to be used since the last scan is looked at, and those of which
 * alerts are open. What is learned is written before anything is concluded from it, and a scan that dies midway is done again:
 * detectors take no minute twice, and the rules find the same.
 */
import { days, minutes } from '../../core/duration.ts';
import type { Finding } from '../../core/finding.ts';
import type { RuleSettings, WatchState } from '../../core/watching.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import type { CredentialRecord, Ledger } from '../../ports/ledger.ts';
import type { ScanLedger } from '../../ports/scan-ledger.ts';
import { STEPS, type UsageCaller } from '../../ports/usage-ledger.ts';
import { lookAt, lookBackMs } from '../rules/index.ts';
import { learn } from './callers.ts';
import { feed, firstState } from './memory.ts';
import { LATELY_MS, together } from './minutes.ts';
import type { Sight } from './sight.ts';

export interface Scanning {
  readonly ledger: Pick<Ledger, 'credentials'>;
  readonly scans: ScanLedger;
  readonly settingsOf: (record: CredentialRecord) => RuleSettings;
}

export interface SourceToScan {
  readonly source: string;
  /** Where the last scan ended, milliseconds since the epoch; null for one that was never scanned. */
  readonly from: number | null;
  /** The source has shown all minutes before: a whole minute, milliseconds since the epoch. */
  readonly until: number;
  /** The same to the millisecond. */
  readonly shown: number;
  /** Credentials that are looked at in any case. */
  readonly also: readonly string[];
}

export interface SourceScan {
  readonly findings: readonly Finding[];
  /** Credentials that were looked at. */
  readonly looked: readonly string[];
  /** Minutes that detectors took, over all credentials. */
  readonly keyMinutes: number;
  /** False when it was interrupted. */
  readonly complete: boolean;
}

/** Credentials at once; what that costs in memory is bounded with `MOST_ROWS`. */
const PAGE = 100;
/** Buckets of one question to the ledger. */
const MOST_ROWS = 60_000;
/** Usage may be counted that is newer than what its source is sure of. */
const AHEAD_MS = minutes(10);
const LEAST_SPAN_MS = minutes(60);
/** As far as a credential that is new to the scan is learned from what the ledger has, and one that was silent is fed. */
const LEARN_MS = days(7);
/** Attempts with keys that died longer ago are not told apart from noise. */
const DEAD_FOR_MS = days(90);

export async function scanSource(scanning: Scanning, { source, from, until, shown, also }: SourceToScan, signal: AbortSignal): Promise<SourceScan> {
  const { scans } = scanning;
  const begin = from ?? (await scans.firstMinute(source))?.getTime() ?? until;
  const active = await scans.activeCredentials(source, new Date(begin), new Date(shown + AHEAD_MS));
  const names = [...new Set([...active, ...also])].sort();
  const findings: Finding[] = [];
  const looked: string[] = [];
  let keyMinutes = 0;
  for (let at = 0; at < names.length; at += PAGE) {
    if (signal.aborted) return { findings, looked, keyMinutes, complete: false };
    const page = await lookAtPage(scanning, { source, until, shown, names: names.slice(at, at + PAGE) });
    findings.push(...page.findings);
    looked.push(...page.looked);
    keyMinutes += page.keyMinutes;
  }
  return { findings, looked, keyMinutes, complete: true };
}

interface Page {
  readonly source: string;
  readonly until: number;
  readonly shown: number;
  readonly names: readonly string[];
}

interface Entry {
  readonly record: CredentialRecord;
  readonly keys: readonly KeyRecord[];
  readonly settings: RuleSettings;
  readonly before: WatchState;
}

async function lookAtPage(scanning: Scanning, page: Page): Promise<Omit<SourceScan, 'complete'>> {
  const { scans } = scanning;
  const { source, until, shown, names } = page;
  const entries = await entriesOf(scanning, page);
  const since = new Date(until - Math.max(LATELY_MS, ...entries.map(({ settings }) => lookBackMs(settings))));
  const [recent, called, draining] = await Promise.all([scans.minutes(source, idsOf(entries), since, new Date(shown + AHEAD_MS)), callersOf(scans, source, entries, since), scans.drains(names)]);
  const before = await caughtUp(scanning, page, entries, since.getTime());
  const looks = entries.map(({ record, keys, settings }, n) => {
    const state = before[n] ?? firstState(record.name, source, until, null);
    const byKey = new Map(keys.flatMap(({ id }) => { const of = recent.get(id); return of === undefined ? [] : [[id, of] as const]; }));
    const drains = new Map(keys.flatMap(({ id }) => { const at = draining.get(id); return at === undefined ? [] : [[id, at.getTime()] as const]; }));
    const minutes = together([...byKey.values()]);
    const callers = keys.flatMap(({ id }) => called.get(id) ?? []);
    const fed = feed(state, minutes, until, { judged: until, detecting: settings });
    const memory = learn(fed.record, callers, shown);
    const sight: Sight = { record, source, until, shown, keys, drains, byKey, minutes, memory, callers: callers.filter(({ lastSeen }) => lastSeen >= since) };
    return { sight, settings, after: { ...fed, record: memory } };
  });
  await scans.saveWatched(looks.flatMap(({ after }, n) => (isNews(after, entries[n]?.before) ? [after] : [])));
  return {
    findings: looks.flatMap(({ sight, settings }) => lookAt(sight, settings)),
    looked: entries.map(({ record }) => record.name),
    keyMinutes: looks.reduce((sum, { after }, n) => sum + ((after.until ?? 0) - (entries[n]?.before.until ?? after.until ?? 0)) / STEPS.minute, 0),
  };
}

const idsOf = (entries: readonly Entry[]): readonly string[] => entries.flatMap(({ keys }) => keys.map(({ id }) => id));

/** Of those that are new to the scan all that the ledger has, so that they are learned from the first look on. */
async function callersOf(scans: ScanLedger, source: string, entries: readonly Entry[], since: Date): Promise<ReadonlyMap<string, readonly UsageCaller[]>> {
  const isNew = ({ before }: Entry): boolean => before.version === 0;
  const [known, fresh] = await Promise.all([scans.callersSince(source, idsOf(entries.filter((entry) => !isNew(entry))), since), scans.callersSince(source, idsOf(entries.filter(isNew)), new Date(0))]);
  return Map.groupBy([...known, ...fresh], ({ keyId }) => keyId);
}

/** Only what has changed is written. */
function isNews(state: WatchState, before: WatchState | undefined): boolean {
  return before === undefined || before.version === 0 || state.until !== before.until || JSON.stringify(state.record) !== JSON.stringify(before.record);
}

async function entriesOf({ ledger, scans, settingsOf }: Scanning, { source, until, names }: Page): Promise<readonly Entry[]> {
  const [records, keys, states] = await Promise.all([ledger.credentials(names), scans.keysToWatch(names, DEAD_FOR_MS), scans.watched(source, names)]);
  const known = new Map(states.map((state) => [state.credential, state]));
  const fresh = names.filter((name) => !known.has(name));
  const usedBefore = await scans.usedBefore(source, fresh, new Date(until - LEARN_MS));
  const byCredential = Map.groupBy(keys, ({ credential }) => credential);
  return records.filter(({ declared }) => declared).map((record) => ({
    record,
    keys: byCredential.get(record.name) ?? [],
    settings: settingsOf(record),
    before: known.get(record.name) ?? firstState(record.name, source, until, usedBefore.get(record.name)?.getTime() ?? null),
  }));
}

/** Detectors that have not come as far as `end` are fed up to there, in spans that the ledger can give at once. */
async function caughtUp({ scans }: Scanning, { source, until }: Page, entries: readonly Entry[], end: number): Promise<readonly WatchState[]> {
  const late = entries.filter(({ before }) => before.until === null || before.until < end);
  const states = new Map(late.map(({ record, before }) => [record.name, begun(before, until)]));
  const ids = idsOf(late);
  const span = Math.max(LEAST_SPAN_MS, Math.floor(MOST_ROWS / Math.max(1, ids.length)) * STEPS.minute);
  for (let at = Math.min(end, ...[...states.values()].map((state) => state.until ?? until - LEARN_MS)); at < end; at += span) {
    const upTo = Math.min(end, at + span);
    const minutes = await scans.minutes(source, ids, new Date(at), new Date(upTo));
    for (const { record, keys, settings, before } of late) {
      const state = states.get(record.name) ?? before;
      const all = together(keys.flatMap(({ id }) => minutes.get(id) ?? []));
      if (state.until !== null || all.size > 0) states.set(record.name, feed(state, all, upTo, { judged: until, detecting: settings }));
    }
  }
  return entries.map(({ record, before }) => states.get(record.name) ?? before);
}

/** Minutes of long ago may be gone from the ledger: then they are missing, not silent. */
function begun(state: WatchState, until: number): WatchState {
  return state.until === null || state.until >= until - LEARN_MS ? state : { ...state, until: until - LEARN_MS };
}
