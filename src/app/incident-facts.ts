/** Gathers what is known of an incident from the ledger. Reads only; nothing outside is asked. */
import { MOST_AGENTS, MOST_NETWORKS } from '../usage/scan/callers.ts';
import { ruleSettings } from '../config/index.ts';
import { days, hours } from '../core/duration.ts';
import type { Notes } from '../core/facts.ts';
import { rulesOf, type WatchState } from '../core/watching.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { DyingKey, History, IncidentFacts, Leak, Recovery } from '../incidents/index.ts';
import { STEPS, type KeyNeed, type UsageBucket } from '../ports/usage-ledger.ts';
import type { AuditEvent, Rotation, Transition } from '../ports/ledger.ts';
import type { Plugins } from '../rotation/engine.ts';
import type { Context } from './context.ts';
import { askedDirectly, diedDirectly } from './incident-direct.ts';
import { shownUntil, sourcesOf } from './scan.ts';

export type Gathering = Pick<Context, 'ledger' | 'usage' | 'scans' | 'alerts' | 'incidents' | 'leaks' | 'config'> & { readonly engine: Pick<Context['engine'], 'plugins'> };

const MOST_ALERTS = 200;
const MOST_LEAKS = 1_000;
/** What is tried with a dead key later than that belongs to the incident no more. */
const AFTER_MS = days(1);

export async function gatherIncident(context: Gathering, rotation: Rotation): Promise<IncidentFacts> {
  const { ledger, incidents, alerts } = context;
  const { id, credential, issuer, plan, actor, createdAt } = rotation;
  const [now, audit, history, keys, recent] = await Promise.all([
    ledger.now(), incidents.auditOf(id), ledger.history(id), ledger.keysOf(credential), alerts.list({ credential }, { limit: MOST_ALERTS }),
  ]);
  const dying = [...diedDirectly(audit, keys), ...(await dyingKeys(context, rotation, audit, keys))];
  const askedAt = askedDirectly(audit) ?? createdAt;
  const leak = await leakOf(context, rotation, askedAt);
  return {
    ref: { id, of: 'rotation' }, now, credential, issuer, owner: plan.owner, audit, alerts: recent, leak, dying,
    asked: { by: actor.who, why: actor.why, at: askedAt },
    recovery: await recoveryOf(context, rotation, history, keys),
    usage: await usageOf(context, rotation, { now, dying, leak, keys }),
  };
}

/** As the leaks tell that caused it; without one who asked, and that it was known by then. When others could read it first no source tells. */
async function leakOf({ leaks }: Gathering, { id, credential, actor }: Rotation, askedAt: Date): Promise<Leak> {
  const [first, ...more] = (await leaks.leaks({ credential }, MOST_LEAKS)).filter(({ rotationId }) => rotationId === id).toReversed();
  if (first === undefined) return { foundAt: askedAt, earliestAt: null, where: null, by: actor.who };
  const all = [first, ...more];
  const found = Math.min(...all.map(({ foundAt, reportedAt }) => (foundAt ?? reportedAt).getTime()));
  return { foundAt: new Date(found), earliestAt: null, where: all.find(({ url }) => url !== null)?.url ?? null, by: first.source };
}

/** Those that were condemned by this rotation, in the order in which they were. */
async function dyingKeys({ ledger }: Gathering, { id, credential, issuer }: Rotation, audit: readonly AuditEvent[], keys: readonly KeyRecord[]): Promise<readonly DyingKey[]> {
  const condemned = audit.filter(({ type, detail }) => (type === 'debt.added' || type === 'debt.hastened') && detail['cause'] === 'emergency');
  const open = (await ledger.openDebts({ credential })).filter((debt) => debt.rotationId === id);
  const ids = [...new Set(condemned.map(({ detail }) => String(detail['issuerKeyId'])))];
  return ids.map((issuerKeyId): DyingKey => {
    const killed = audit.find(({ type, detail }) => type === 'key.revoked' && detail['issuerKeyId'] === issuerKeyId);
    const debt = open.find((one) => one.issuerKeyId === issuerKeyId);
    const attempts = killed?.detail['attempts'];
    return {
      issuerKeyId, key: keys.find((key) => key.issuer === issuer && key.issuerKeyId === issuerKeyId) ?? null,
      revokedAt: killed?.at ?? null, outcome: killed === undefined ? null : killed.detail['outcome'] === 'gone' ? 'gone' : 'revoked',
      attempts: typeof attempts === 'number' ? attempts : (debt?.attempts ?? 0), lastError: debt?.lastError ?? null,
    };
  });
}

const NOTHING_YET = { served: {}, healthy: {} } as const;

const instantOf = (instants: Readonly<Record<string, string>>, name: string): Date | null => (instants[name] === undefined ? null : new Date(instants[name]));

async function recoveryOf({ engine }: Gathering, rotation: Rotation, history: readonly Transition[], keys: readonly KeyRecord[]): Promise<Recovery> {
  const { state, reason, message, finishedAt, newKeyId, plan } = rotation;
  const { recovering }: Notes = rotation.notes;
  const { served, healthy } = recovering?.key === newKeyId ? recovering : NOTHING_YET;
  const plugins = await openedFor(engine, plan);
  const checks = plugins?.applicationChecks.map(({ name }) => name) ?? Object.keys(healthy);
  return {
    state, reason, message, finishedAt,
    recoveredAt: history.find(({ from, to }) => from === 'confirmed' && to === 'reporting')?.at ?? null,
    newKey: keys.find((key) => key.id === newKeyId) ?? null,
    places: plan.places.map(({ id }) => ({ name: plugins?.places.find((place) => place.id === id)?.store.describe ?? id, at: instantOf(served, id) })),
    applications: checks.map((name) => ({ name, at: instantOf(healthy, name) })),
  };
}

/** Null where a reference no longer resolves: then places go by their ids. */
async function openedFor(engine: Gathering['engine'], plan: Rotation['plan']): Promise<Plugins | null> {
  try {
    return await engine.plugins(plan);
  } catch {
    return null;
  }
}

interface Known extends Pick<IncidentFacts, 'now' | 'dying' | 'leak'> {
  readonly keys: readonly KeyRecord[];
}

async function usageOf(context: Gathering, rotation: Rotation, { now, dying, leak, keys }: Known): Promise<IncidentFacts['usage']> {
  const { usage, config } = context;
  const ids = dying.flatMap(({ key }) => key?.id ?? []);
  const { minutes, hours: byHour, callers: callersMs } = config().usage.retention;
  const ago = (ms: number): Date => new Date(now.getTime() - ms);
  const from = startOfHour(Math.min(...dying.map(({ key }) => Math.max(key?.createdAt.getTime() ?? now.getTime(), leak?.earliestAt?.getTime() ?? 0)), now.getTime()));
  const [hourly, minutely, callers, needs, sources, histories] = await Promise.all([
    usage.buckets(ids, 'hour', from, now), minutesAround(context, { now, dying, leak, ids }), usage.callers(keys.map(({ id }) => id)), usage.needs(ids), sourceStates(context, now), historiesOf(context, rotation),
  ]);
  return { hours: hourly, minutes: minutely, callers, sources, histories, scopes: scopesOf(needs), kept: { minutesFrom: ago(minutes), hoursFrom: ago(byHour), callersFrom: ago(callersMs) } };
}

/** Null where no source told a scope of any request. */
function scopesOf(needs: readonly KeyNeed[]): IncidentFacts['usage']['scopes'] {
  const told = needs.filter(({ need }) => need !== '');
  return told.length === 0 ? null : told.map(({ need, ...use }) => ({ ...use, scope: need }));
}

const startOfHour = (at: number): Date => new Date(Math.floor(at / STEPS.hour) * STEPS.hour);

/** Of the first and last hour of each window, and of what came after it. */
async function minutesAround({ usage }: Gathering, { now, dying, leak, ids }: Omit<Known, 'keys'> & { readonly ids: readonly string[] }): Promise<readonly UsageBucket[]> {
  const spans = dying.flatMap(({ key, revokedAt }) => {
    if (key === null) return [];
    const begin = Math.max(key.createdAt.getTime(), leak?.earliestAt?.getTime() ?? 0);
    const end = revokedAt ?? now;
    return [[startOfHour(begin), new Date(startOfHour(begin).getTime() + hours(1))], [startOfHour(end.getTime()), new Date(Math.min(now.getTime(), end.getTime() + AFTER_MS))]] as const;
  });
  const found = await Promise.all(spans.map(([from, until]) => usage.buckets(ids, 'minute', from, until)));
  return [...new Map(found.flat().map((bucket) => [`${bucket.keyId} ${bucket.source} ${bucket.at.getTime()}`, bucket])).values()].sort((a, b) => a.at.getTime() - b.at.getTime());
}

async function sourceStates({ usage, config }: Gathering, now: Date): Promise<IncidentFacts['usage']['sources']> {
  const states = new Map((await usage.sources()).map((state) => [state.source, state]));
  return [...sourcesOf(config())].map(([source, latenessMs]) => {
    const state = states.get(source);
    const shown = shownUntil(state, latenessMs, now);
    return { source, shownUntil: shown === null ? null : new Date(shown), failingSince: state?.failingSince ?? null, unknown: state?.unknown ?? 0, unknownExample: state?.unknownExample ?? null };
  });
}

async function historiesOf({ scans, config }: Gathering, { credential, plan }: Rotation): Promise<readonly History[]> {
  const { new_network: network, new_user_agent: agent } = rulesOf(ruleSettings(config()), plan);
  const learnMs = Math.max(network?.learn ?? 0, agent?.learn ?? 0) || DEFAULT_LEARN_MS;
  const states = await Promise.all([...sourcesOf(config()).keys()].map((source) => scans.watched(source, [credential])));
  return states.flat().map((state) => historyOf(state, learnMs));
}

/** Where both rules are off. */
const DEFAULT_LEARN_MS = days(7);

function historyOf({ source, record }: WatchState, learnMs: number): History {
  const { begunAt, networks, agents, peak, woke } = record;
  return {
    source, ripeAt: new Date(begunAt + learnMs), peak, woke,
    networks: networks.length >= MOST_NETWORKS ? null : networks,
    programs: agents.length >= MOST_AGENTS ? null : agents,
  };
}
