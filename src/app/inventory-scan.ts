/** What inventories found, and what the ledger says of keys' age and of the scopes they use, as a scan. An inventory of one issuer says nothing of another's keys. */
import type { Scan } from '../alerts/look.ts';
import { ruleSettings } from '../config/index.ts';
import { hours } from '../core/duration.ts';
import type { Finding } from '../core/finding.ts';
import { INVENTORY_RULES, type CurrentKey } from '../core/inventory.ts';
import { rulesOf, type RuleSettings } from '../core/watching.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { SourceState } from '../ports/usage-ledger.ts';
import { declaredPages } from '../rotation/declared.ts';
import { dueFacts } from '../rotation/due.ts';
import type { Taken } from '../rotation/inventory.ts';
import { keyOlderThanPolicy, keyUnused, unusedFor } from '../usage/rules/aging.ts';
import { inventoryFinding, keyLimitNear } from '../usage/rules/issuer-keys.ts';
import { scopesSubject } from '../usage/rules/scopes.ts';
import type { Context } from './context.ts';
import { scopeJudge, type Judging } from './scope-evidence.ts';

/** By issuer: null where none of its credentials is declared any more; an issuer that could not be looked at is absent. */
export type Inventories = ReadonlyMap<string, Taken | null>;

type Scanning = Pick<Context, 'ledger'> & Judging;

/** Findings of one rule and issuer that people hear of; the others are in the log and in `keyturn keys`. */
const MOST = 100;
/** A source that was neither read nor pushed to for so long may have missed a use. */
const STALE_MS = hours(24);

const BY_LIST = [...INVENTORY_RULES, 'key_limit_near', 'key_unused'] as const;
const BY_LEDGER = ['key_older_than_policy', 'scopes_wider_than_used'] as const;
type Rule = (typeof BY_LIST)[number] | (typeof BY_LEDGER)[number];

/** What is gathered on the way. */
interface Gathered {
  readonly settings: RuleSettings;
  readonly findings: Finding[];
  /** Rules and subjects that were not looked at, though their issuer was. */
  readonly blind: Set<string>;
  /** Declared credentials. */
  readonly declared: Set<string>;
  /** Settings of credentials that have some of their own. */
  readonly own: Map<string, RuleSettings>;
}

export async function inventoryScan(context: Scanning, taken: Inventories): Promise<Scan> {
  const gathered: Gathered = { settings: ruleSettings(context.config()), findings: [], blind: new Set(), declared: new Set(), own: new Map() };
  await gatherCredentials(context, taken, gathered);
  await gatherIssuers(context, taken, gathered);
  const { issuers } = context.config();
  return { findings: gathered.findings, without: ({ finding }) => withoutFinding(finding, taken, gathered, Object.hasOwn(issuers, finding.issuer ?? '')) };
}

const mark = (rule: string, subject: string): string => `${rule}\n${subject}`;

/** Page by page: there may be very many. */
async function gatherCredentials(context: Scanning, taken: Inventories, gathered: Gathered): Promise<void> {
  const { ledger, usage, config } = context;
  const sources = Object.keys(config().usage.sources);
  const current = new Map([...taken.values()].flatMap((one) => one?.current.map((key) => [key.key.id, { ...key, issuerTells: one.tellsLastUse }] as const) ?? []));
  const now = await ledger.now();
  const [sourcesWell, judge] = await Promise.all([areSourcesWell(context, sources, now), scopeJudge(context, now, (state) => isUpToDate(state, now))]);
  for await (const page of declaredPages(ledger)) {
    const ids = page.flatMap(({ currentKeyId }) => currentKeyId ?? []);
    const [keys, seen, scopes] = await Promise.all([ledger.keys(ids), usage.lastUsed(ids, sources), judge(page, (record) => settingsOf(record, gathered))]);
    const byId = new Map(keys.map((key) => [key.id, key]));
    for (const record of page) {
      const settings = settingsOf(record, gathered);
      const judged = scopes.get(record.name) ?? null;
      if (judged === 'unknown') gathered.blind.add(mark('scopes_wider_than_used', scopesSubject(record)));
      else add(gathered, judged);
      const key = byId.get(record.currentKeyId ?? '');
      if (key === undefined) continue;
      add(gathered, keyOlderThanPolicy(record, key, dueFacts(record, key), now, settings.key_older_than_policy));
      const listed = current.get(key.id);
      if (listed !== undefined) gatherUse({ ...listed, key }, { issuerTells: listed.issuerTells, seenAt: seen.get(key.id) ?? null, sourcesWell }, record, now, gathered);
    }
  }
}

function gatherUse(current: CurrentKey, evidence: Parameters<typeof unusedFor>[1], record: CredentialRecord, now: Date, gathered: Gathered): void {
  const unusedMs = unusedFor(current, evidence, now);
  if (unusedMs === null) gathered.blind.add(mark('key_unused', `key:${current.key.id}`));
  else add(gathered, keyUnused(record, current.key, unusedMs, settingsOf(record, gathered).key_unused));
}

function settingsOf({ name, plan }: CredentialRecord, { settings, declared, own }: Gathered): RuleSettings {
  declared.add(name);
  if (plan.rules === undefined) return settings;
  const known = own.get(name) ?? rulesOf(settings, plan);
  own.set(name, known);
  return known;
}

function add({ findings }: Gathered, finding: Finding | null): void {
  if (finding !== null) findings.push(finding);
}

async function areSourcesWell({ usage }: Scanning, sources: readonly string[], now: Date): Promise<boolean> {
  if (sources.length === 0) return false;
  const states = new Map((await usage.sources()).map((state) => [state.source, state]));
  return sources.every((name) => isRead(states.get(name), now));
}

const isFresh = (at: Date | null, now: Date): boolean => at !== null && now.getTime() - at.getTime() < STALE_MS;

function isRead(state: SourceState | undefined, now: Date): boolean {
  return state !== undefined && state.failingSince === null && isFresh(state.readAt, now);
}

/** Nor does it still read what happened long ago. */
function isUpToDate(state: SourceState, now: Date): boolean {
  return isRead(state, now) && isFresh(state.seenUntil, now);
}

/** What was found of the issuers' keys. Undeclared credentials are asked for too: it may be about theirs. */
async function gatherIssuers({ ledger }: Scanning, taken: Inventories, gathered: Gathered): Promise<void> {
  const all = [...taken.values()].filter((one) => one !== null);
  const names = new Set(all.flatMap(({ found }) => found.flatMap(({ known }) => known?.credential ?? [])));
  const records = new Map((names.size === 0 ? [] : await ledger.credentials([...names])).map((record) => [record.name, record]));
  for (const { issuer, found, room } of all) {
    add(gathered, keyLimitNear(issuer, room, gathered.settings.key_limit_near));
    const byRule = Map.groupBy(found.flatMap((one) => {
      const record = records.get(one.known?.credential ?? '') ?? null;
      const settings = gathered.own.get(record?.name ?? '') ?? gathered.settings;
      return inventoryFinding(one, issuer, settings[one.rule], record) ?? [];
    }), ({ rule }) => rule);
    for (const findings of byRule.values()) {
      const ordered = findings.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
      gathered.findings.push(...ordered.slice(0, MOST));
      for (const { rule, subject } of ordered.slice(MOST)) gathered.blind.add(mark(rule, subject));
    }
  }
}

/** Rules about keys whose credential may be undeclared. */
const OF_ANY_CREDENTIAL: readonly string[] = ['undeclared_key', 'revoked_key_alive'];

function withoutFinding({ rule, subject, issuer, credential }: Finding, taken: Inventories, { settings, own, declared, blind }: Gathered, configured: boolean): ReturnType<Scan['without']> {
  if (!isOurs(rule)) return 'unseen';
  const applied = (credential === null ? undefined : own.get(credential)) ?? settings;
  if (applied[rule] === null || !configured) return 'gone';
  if (credential !== null && !declared.has(credential) && !OF_ANY_CREDENTIAL.includes(rule)) return 'gone';
  if ((BY_LEDGER as readonly string[]).includes(rule)) return blind.has(mark(rule, subject)) ? 'unseen' : 'clear';
  const look = taken.get(issuer ?? '');
  if (look === null) return 'gone';
  return look === undefined || blind.has(mark(rule, subject)) ? 'unseen' : 'clear';
}

function isOurs(rule: string): rule is Rule {
  return (BY_LIST as readonly string[]).includes(rule) || (BY_LEDGER as readonly string[]).includes(rule);
}
