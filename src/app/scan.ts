/** Scanning usage: what sources have shown since the last scan, what is unusual in it, and who is told. */
import { describeError } from '../core/errors.ts';
import type { Alert } from '../core/alert.ts';
import { rulesOf, type RuleSettings } from '../core/watching.ts';
import { pushSources, ruleSettings, usageDefinitions } from '../config/index.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { SourceState } from '../ports/usage-ledger.ts';
import { isUsageRule } from '../usage/rules/index.ts';
import { minuteOf } from '../usage/scan/minutes.ts';
import { scanSource, type SourceScan } from '../usage/scan/scan.ts';
import { tellOf } from './alerting.ts';
import type { Context } from './context.ts';
import { SCAN } from './inspection.ts';

type Ready = Pick<Context, 'ledger' | 'usage' | 'scans' | 'alerts' | 'config' | 'engine'>;

export interface Scanned {
  readonly sources: number;
  /** Credentials looked at, findings, minutes of credentials that detectors took. */
  readonly looked: number;
  readonly findings: number;
  readonly keyMinutes: number;
  readonly messages: number;
}

/** One scan of all sources. Any number of workers may: what one has judged the other finds judged. */
export async function scanUsage(context: Ready, signal: AbortSignal): Promise<Scanned> {
  const { ledger, usage, scans, alerts, config, engine } = context;
  const [now, states, scanned, open] = await Promise.all([ledger.now(), usage.sources(), scans.scanned(), alerts.open()]);
  const settings = settingsFor(config());
  const known = new Map(states.map((state) => [state.source, state]));
  const sources = sourcesOf(config());
  const results = new Map<string, SourceScan>();
  const ends = new Map<string, number>();
  let whole = true;
  for (const [source, latenessMs] of sources) {
    const shown = shownUntil(known.get(source), latenessMs, now);
    const from = scanned.get(source)?.getTime() ?? null;
    if (shown === null) continue;
    const also = open.filter(({ finding }) => finding.source === source && isUsageRule(finding.rule)).flatMap(({ finding }) => finding.credential ?? []);
    try {
      results.set(source, await scanSource({ ledger, scans, settingsOf: settings }, { source, from, until: Math.max(minuteOf(shown), from ?? 0), shown, also }, signal));
      ends.set(source, minuteOf(shown));
    } catch (error) {
      whole = false;
      engine.log.warn({ source, error: describeError(error) }, 'usage of this source could not be scanned; the next scan does it again');
    }
  }
  const findings = [...results.values()].flatMap((result) => result.findings);
  const declared = await declaredOf(context, open);
  const told = await tellOf(context, { findings, without: (alert) => without(alert, { results, declared, settings, sources }) });
  if (told.applied) await noteScanned(context, results, ends, whole);
  return {
    sources: results.size, findings: findings.length, messages: told.messages,
    looked: [...results.values()].reduce((sum, { looked }) => sum + looked.length, 0),
    keyMinutes: [...results.values()].reduce((sum, { keyMinutes }) => sum + keyMinutes, 0),
  };
}

/** Rules of a credential: its own in place of what holds for all. */
function settingsFor(config: ReturnType<Context['config']>): (record: Pick<CredentialRecord, 'plan'>) => RuleSettings {
  const all = ruleSettings(config);
  return ({ plan }) => rulesOf(all, plan);
}

/** By name: so long after its end, milliseconds, a minute counts as shown. Sources that are read tell themselves how far they have seen. */
export function sourcesOf(config: ReturnType<Context['config']>): ReadonlyMap<string, number> {
  return new Map([...usageDefinitions(config).map(({ name }) => [name, 0] as const), ...pushSources(config).map(({ name, lateness }) => [name, lateness] as const)]);
}

/** The source has shown all that happened before, milliseconds since the epoch. Null: it has shown nothing yet. */
export function shownUntil(state: SourceState | undefined, latenessMs: number, now: Date): number | null {
  if (state === undefined) return null;
  const seen = state.seenUntil?.getTime() ?? (state.readAt === null ? null : now.getTime() - latenessMs);
  return seen === null ? null : Math.min(seen, now.getTime());
}

/** Alerts are told before: a scan that dies in between is done again. Of one that left a source out, `scanner_silent` is to tell. */
async function noteScanned({ scans, ledger }: Ready, results: ReadonlyMap<string, SourceScan>, ends: ReadonlyMap<string, number>, whole: boolean): Promise<void> {
  for (const [source, { complete }] of results) if (complete) await scans.noteScanned(source, new Date(ends.get(source) ?? 0));
  if (whole && [...results.values()].every(({ complete }) => complete)) await ledger.noteDone(SCAN);
}

async function declaredOf({ ledger }: Ready, open: readonly Alert[]): Promise<ReadonlyMap<string, CredentialRecord>> {
  const names = [...new Set(open.flatMap(({ finding }) => (isUsageRule(finding.rule) ? (finding.credential ?? []) : [])))];
  const records = names.length === 0 ? [] : await ledger.credentials(names);
  return new Map(records.filter(({ declared }) => declared).map((record) => [record.name, record]));
}

interface Seen {
  readonly results: ReadonlyMap<string, SourceScan>;
  readonly declared: ReadonlyMap<string, CredentialRecord>;
  readonly settings: (record: CredentialRecord) => RuleSettings;
  readonly sources: ReadonlyMap<string, number>;
}

function without({ finding }: Alert, { results, declared, settings, sources }: Seen): 'clear' | 'unseen' | 'gone' {
  if (!isUsageRule(finding.rule)) return 'unseen';
  const record = declared.get(finding.credential ?? '');
  if (record === undefined || settings(record)[finding.rule] === null || !sources.has(finding.source ?? '')) return 'gone';
  return results.get(finding.source ?? '')?.looked.includes(record.name) === true ? 'clear' : 'unseen';
}
