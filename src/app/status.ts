import type { Alert } from '../core/alert.ts';
import { FINDING_RULES, isRule } from '../core/finding.ts';
import { nextDue, occurrenceDue } from '../core/policy.ts';
import type { CredentialRecord, Ledger, Pause, Retired, Rotation } from '../ports/ledger.ts';
import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import { declaredPages } from '../rotation/declared.ts';
import { dueFacts } from '../rotation/due.ts';
import { pauseFor } from '../rotation/gather/gate.ts';
import { recordConcern } from './break-glass/concerns.ts';
import type { Context } from './context.ts';
import { keysById } from './keys.ts';
import { breakerView } from './response-views.ts';
import type { CredentialStatus, StatusView } from './operations.ts';
import { debtView, iso, keyName, rotationSummary } from './views.ts';

const SHOWN_STUCK = 50;
const ALL_OPEN = 10_000;

export async function status(context: Context): Promise<StatusView> {
  const { ledger, queue, engine, alerts } = context;
  const [now, installation, open, debts, pauses, stuck, figures, channels, openAlerts, lanes, retired, responses] = await Promise.all([
    ledger.now(), ledger.installation(), ledger.rotations({ open: true }, { limit: ALL_OPEN }), ledger.openDebts({}),
    ledger.pauses(), ledger.deliveries({ state: 'stuck' }, { limit: SHOWN_STUCK }), ledger.figures(), ledger.channelLags(), alerts.open(), queue?.counts() ?? [], ledger.retired(), breakerView(context),
  ]);
  const indebted = await ledger.credentials([...new Set(debts.map((debt) => debt.credential))]);
  const stuckBy = new Map(indebted.map((record) => [record.name, record.plan.policy.deadlines.stuckMs]));
  return {
    version: context.version,
    worker: engine.worker,
    runtime: { ledger: ledger.kind, queue: queue?.backend ?? 'none' },
    installation,
    startedAt: context.startedAt.toISOString(),
    credentials: await credentialStatuses(ledger, { open, debts, pauses, retired, now }),
    debts: debts.map((debt) => debtView(debt, now, stuckBy.get(debt.credential) ?? null)),
    pauses: pauses.map(({ scope, name, actor, since }) => ({ scope, name, by: actor.who, why: actor.why, since: since.toISOString() })),
    stuckDeliveries: stuck.map(({ id, channel, notice, lastError }) => ({ id, channel, title: notice.title, lastError })),
    channels,
    alerts: alertsOf(openAlerts),
    troubles: troublesOf(openAlerts),
    responses,
    lanes,
    figures,
    warnings: [...context.warnings(), ...context.intake.left().map(recordConcern)],
  };
}

const own = ({ finding: { rule } }: Alert): boolean => isRule(rule) && FINDING_RULES[rule].family === 'keyturn';

/** Those about Keyturn itself are told of in full. */
function alertsOf(open: readonly Alert[]): StatusView['alerts'] {
  const firing = open.filter((alert) => alert.state === 'firing' && !own(alert));
  return { firing: firing.length, critical: firing.filter(({ finding }) => finding.severity === 'critical').length };
}

function troublesOf(open: readonly Alert[]): StatusView['troubles'] {
  return open.filter((alert) => alert.state === 'firing' && own(alert)).map(({ finding: { rule, title, happened }, firedAt, firstSeenAt }) => ({ rule, title, happened, since: new Date(firedAt ?? firstSeenAt).toISOString() }));
}

interface Everywhere {
  readonly open: readonly Rotation[];
  readonly debts: readonly RevocationDebt[];
  readonly pauses: readonly Pause[];
  readonly retired: readonly Retired[];
  readonly now: Date;
}

/** Page by page: what is shown of a credential is small, its plan is not. */
async function credentialStatuses(ledger: Ledger, { open, debts, pauses, retired, now }: Everywhere): Promise<readonly CredentialStatus[]> {
  const openBy = new Map(open.map((rotation) => [rotation.credential, rotation]));
  const debtsBy = Map.groupBy(debts, (debt) => debt.credential);
  const retiredBy = new Map(retired.map((one) => [one.credential, one]));
  const statuses: CredentialStatus[] = [];
  for await (const page of declaredPages(ledger)) {
    const theirs = page.flatMap((record) => openBy.get(record.name) ?? []);
    const keys = await keysById(ledger, theirs, page.map((record) => record.currentKeyId));
    for (const record of page) statuses.push(credentialStatus({ record, rotation: openBy.get(record.name), debts: debtsBy.get(record.name) ?? [], pauses, retired: retiredBy.get(record.name), keys, now }));
  }
  return statuses;
}

interface CredentialFacts {
  readonly record: CredentialRecord;
  readonly rotation: Rotation | undefined;
  readonly debts: readonly RevocationDebt[];
  readonly pauses: readonly Pause[];
  readonly retired: Retired | undefined;
  readonly keys: ReadonlyMap<string, KeyRecord>;
  readonly now: Date;
}

function credentialStatus(facts: CredentialFacts): CredentialStatus {
  const { record, rotation, debts, retired, keys, now } = facts;
  const current = keys.get(record.currentKeyId ?? '') ?? null;
  const paused = pauseFor(facts.pauses, record.name, record.issuer) !== null;
  return {
    credential: record.name,
    issuer: record.issuer,
    owner: record.owner,
    policy: record.plan.policy.name,
    currentKey: keyName(current),
    keyAgeMs: current === null ? null : now.getTime() - current.createdAt.getTime(),
    dueAt: iso(record.dueAt ?? dueByPolicy(record, current, now)),
    lastRotatedAt: iso(record.lastRotatedAt),
    openRotation: rotation === undefined ? null : rotationSummary(rotation, keys, now),
    openDebts: debts.length,
    paused,
    health: rotation === undefined && retired !== undefined ? 'retired' : healthOf(rotation, current, paused),
    retired: retired === undefined ? null : { by: retired.actor.who, why: retired.actor.why, since: retired.since.toISOString(), rotationId: retired.rotationId },
  };
}

/** Until the next sweep writes it down, right after a rotation or a changed policy. Null without a key, or when only people rotate. */
function dueByPolicy(record: CredentialRecord, current: KeyRecord | null, now: Date): Date | null {
  if (current === null) return null;
  const { policy } = record.plan;
  const facts = dueFacts(record, current);
  return occurrenceDue(policy, facts, now)?.dueAt ?? nextDue(policy, { ...facts, after: now });
}

function healthOf(rotation: Rotation | undefined, current: KeyRecord | null, paused: boolean): string {
  if (rotation?.state === 'blocked') return 'blocked';
  if (rotation?.state === 'draining') return 'draining';
  if (rotation !== undefined) return rotation.state === 'requested' ? 'waiting' : 'rotating';
  if (paused) return 'paused';
  return current === null ? 'unbound' : 'ok';
}
