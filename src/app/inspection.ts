/** Whether what Keyturn depends on is alive, and quotas last: looked at beside the scan of usage, which cannot tell of its own death. */
import type { Scan } from '../alerts/look.ts';
import { pushSources, ruleSettings, type Settings } from '../config/index.ts';
import type { Alert } from '../core/alert.ts';
import { hours } from '../core/duration.ts';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import type { RuleSettings } from '../core/watching.ts';
import type { Issuer, IssuerQuota } from '../ports/issuer.ts';
import type { SourceState } from '../ports/usage-ledger.ts';
import { issuerUnavailable, scannerSilent, silentFor, sourceUnavailable } from '../usage/rules/keyturn.ts';
import { quotaOnCourse } from '../usage/rules/quota.ts';
import { ofIssuer } from '../usage/rules/finding.ts';
import { pruneAlerts, tellOf } from './alerting.ts';
import type { Context } from './context.ts';
import type { Work } from './work.ts';

/** What `Ledger.noteDone` calls a scan of usage that was done. */
export const SCAN = 'scan';
/** The first look with usage sources: before the first scan, silence counts from here. */
const WATCHING = 'watching';
export const inventoryTaken = (issuer: string): string => `inventory.${issuer}`;
export const inventoryFailed = (issuer: string): string => `inventory.failed.${issuer}`;

const PRUNE_EVERY_MS = hours(1);

export interface NamedIssuer {
  readonly name: string;
  readonly open: () => Issuer;
}

export interface Inspecting extends Pick<Context, 'engine' | 'ledger' | 'usage' | 'alerts' | 'config' | 'sources'> {
  /** All that are configured. */
  readonly issuers: () => readonly NamedIssuer[];
}

/** True for what went wrong with the issuer or its admin key, not with Keyturn itself. */
export function isOfIssuer(error: unknown): boolean {
  return error instanceof KeyturnError && (error.code.startsWith('ISSUER_') || error.code === 'REFERENCE_UNRESOLVED');
}

/** One look; alerts that have been over for long are let go at most once an hour. */
export function createInspection(context: Inspecting): Work['inspect'] {
  let prunedAt = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    await tellOf(context, await inspectionScan(context, signal));
    if (performance.now() - prunedAt < PRUNE_EVERY_MS) return;
    while (!signal.aborted && (await pruneAlerts(context)) > 0);
    prunedAt = performance.now();
  };
}

export async function inspectionScan(context: Inspecting, signal: AbortSignal): Promise<Scan> {
  const settings = ruleSettings(context.config());
  await beginWatching(context);
  const [issuers, sources, silentMs] = await Promise.all([
    Promise.all(context.issuers().map((issuer) => lookAt(context, issuer, signal))), sourceStates(context), scannerSilence(context),
  ]);
  const now = await context.ledger.now();
  const { scan: scanMs } = context.config().worker.intervals;
  const findings: readonly (Finding | null)[] = [
    ...issuers.map(({ name, why }) => (why === null ? null : issuerUnavailable(name, why, settings.issuer_unavailable))),
    ...issuers.flatMap(({ name, quotas }) => quotas.map((quota) => quotaOnCourse(name, quota, now, settings.quota_on_course))),
    ...sources.map(({ state, everyMs }) => sourceUnavailable(state, now, everyMs, settings.source_unavailable)),
    silentMs === null ? null : scannerSilent(silentMs, scanMs, settings.scanner_silent),
  ];
  return { findings: findings.filter((finding) => finding !== null), without: withoutFinding(settings, { issuers, sources, silentMs, now }) };
}

interface LookedAt {
  readonly name: string;
  /** False: the look was broken off. */
  readonly seen: boolean;
  /** Why it failed; null when it did not. */
  readonly why: string | null;
  readonly quotas: readonly IssuerQuota[];
}

/** One cheap call. After an inventory that failed, its keys are listed: that may fail where others work. */
async function lookAt({ ledger, engine }: Inspecting, { name, open }: NamedIssuer, signal: AbortSignal): Promise<LookedAt> {
  const [taken, failed] = await Promise.all([ledger.sinceDone(inventoryTaken(name)), ledger.sinceDone(inventoryFailed(name))]);
  try {
    const issuer = open();
    if (failed !== null && failed < (taken ?? Number.POSITIVE_INFINITY)) await issuer.list(signal);
    if (issuer.quota === undefined) await issuer.inspect(signal);
    return { name, seen: true, why: null, quotas: (await issuer.quota?.(signal)) ?? [] };
  } catch (error) {
    if (signal.aborted) return { name, seen: false, why: null, quotas: [] };
    engine.log.warn({ issuer: name, error: describeError(error) }, 'an issuer could not be looked at');
    return { name, seen: true, why: describeError(error), quotas: [] };
  }
}

interface Expected {
  readonly state: SourceState;
  /** How often something comes from it, milliseconds. */
  readonly everyMs: number;
}

/** Of the sources that are read, and those whose senders have promised to push. */
async function sourceStates({ usage, sources, config }: Inspecting): Promise<readonly Expected[]> {
  const { usage: usageMs } = config().worker.intervals;
  const read = sources.names().map((name) => [name, usageMs] as const);
  const pushed = pushSources(config()).flatMap(({ name, every }) => (every === undefined ? [] : [[name, every] as const]));
  const expected = new Map([...read, ...pushed]);
  if (expected.size === 0) return [];
  return (await usage.sources()).flatMap((state) => {
    const everyMs = expected.get(state.source);
    return everyMs === undefined ? [] : [{ state, everyMs }];
  });
}

function isScanned({ usage }: Settings): boolean {
  return Object.keys(usage.sources).length > 0;
}

/** Since the last scan, or since there is something to scan, milliseconds; null where there is not. */
async function scannerSilence({ ledger, config }: Pick<Context, 'ledger' | 'config'>): Promise<number | null> {
  if (!isScanned(config())) return null;
  return (await ledger.sinceDone(SCAN)) ?? (await ledger.sinceDone(WATCHING));
}

/** For `doctor`; changes nothing. */
export async function scannerTrouble(context: Pick<Context, 'ledger' | 'config'>): Promise<Finding | null> {
  const silentMs = await scannerSilence(context);
  return silentMs === null ? null : scannerSilent(silentMs, context.config().worker.intervals.scan, ruleSettings(context.config()).scanner_silent);
}

/** Remembers that there is something to scan from now on. */
async function beginWatching({ ledger, config }: Inspecting): Promise<void> {
  if (isScanned(config()) && (await ledger.sinceDone(WATCHING)) === null) await ledger.noteDone(WATCHING);
}

interface Seen {
  readonly issuers: readonly LookedAt[];
  readonly sources: readonly Expected[];
  readonly silentMs: number | null;
  readonly now: Date;
}

type Without = ReturnType<Scan['without']>;
type Rule = 'issuer_unavailable' | 'quota_on_course' | 'source_unavailable' | 'scanner_silent';

/** What became of an alert of which nothing was found. A source that is configured and not known to the ledger was never tried. */
const BECAME: Readonly<Record<Rule, (finding: Finding, seen: Seen) => Without>> = {
  issuer_unavailable: ({ issuer }, { issuers }) => {
    const look = issuers.find(({ name }) => name === issuer);
    return look === undefined ? 'gone' : look.seen ? 'clear' : 'unseen';
  },
  quota_on_course: ({ issuer, subject }, { issuers }) => {
    const look = issuers.find(({ name }) => name === issuer);
    if (look === undefined) return 'gone';
    return look.quotas.some(({ what }) => ofIssuer(look.name, what).subject === subject) ? 'clear' : 'unseen';
  },
  source_unavailable: ({ source }, { sources, now }) => {
    const expected = sources.find(({ state }) => state.source === source);
    return expected === undefined ? 'gone' : silentFor(expected.state, now) === null ? 'unseen' : 'clear';
  },
  scanner_silent: (_finding, { silentMs }) => (silentMs === null ? 'gone' : 'clear'),
};

function withoutFinding(settings: RuleSettings, seen: Seen): Scan['without'] {
  return ({ finding }: Alert) => {
    if (!isOurs(finding.rule)) return 'unseen';
    return settings[finding.rule] === null ? 'gone' : BECAME[finding.rule](finding, seen);
  };
}

function isOurs(rule: string): rule is Rule {
  return Object.hasOwn(BECAME, rule);
}
