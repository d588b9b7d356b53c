/** From the ledger's alerts to the plain JSON that API and CLI show. Pure. */
import { isActive, muteOf, type Mute, type Mutes } from '../alerts/mutes.ts';
import { isEnded, type Alert, type Silence } from '../core/alert.ts';
import { FINDING_RULES, isRule } from '../core/finding.ts';
import { matcherText } from '../core/matcher.ts';
import type { AlertDetail, AlertView, MuteView, SilenceView } from './alert-operations.ts';

const isoOf = (ms: number): string => new Date(ms).toISOString();

export function muteView(mute: Mute | null): MuteView | null {
  return mute === null ? null : { ...mute, until: mute.until === null ? null : isoOf(mute.until) };
}

export function alertView(alert: Alert, mutes: Mutes): AlertView {
  const { id, incident, state, finding, firedAt, lastSeenAt, endedAt, acknowledged, threads } = alert;
  const { rule, severity, subject, credential, issuer, owner, title, expected, actual } = finding;
  return {
    id, incident, state, rule, severity, subject, credential, issuer, owner, title, expected, actual,
    firedAt: firedAt === null ? null : isoOf(firedAt), lastSeenAt: isoOf(lastSeenAt), endedAt: endedAt === null ? null : isoOf(endedAt),
    acknowledged: acknowledged === null ? null : { by: acknowledged.actor.who, why: acknowledged.actor.why, at: isoOf(acknowledged.at) },
    muted: isEnded(alert) ? null : muteView(muteOf(finding, mutes)),
    channels: Object.keys(threads).sort(),
  };
}

export function alertDetail(alert: Alert, others: readonly Alert[], mutes: Mutes): AlertDetail {
  const { finding, firstSeenAt, peak, holdMs, told, events } = alert;
  const { happened, todo, facts, evidence, fireAt, clearAt } = finding;
  return {
    ...alertView(alert, mutes),
    happened, todo, facts, evidence, fireAt, clearAt, peak, holdMs,
    means: finding.means ?? (isRule(finding.rule) ? FINDING_RULES[finding.rule].means : ''),
    firstSeenAt: isoOf(firstSeenAt), timesTold: told?.times ?? 0,
    events: events.map(({ at, what, detail }) => ({ at: isoOf(at), what, detail })),
    others: others.map((other) => alertView(other, mutes)),
  };
}

export function silenceView(silence: Silence, now: Date): SilenceView {
  const { id, matchers, actor, createdAt, endsAt, endedBy } = silence;
  return {
    id, matchers: matchers.map(matcherText), by: actor.who, why: actor.why, createdAt: createdAt.toISOString(), endsAt: endsAt.toISOString(),
    active: isActive(silence, now), endedBy: endedBy?.who ?? null,
  };
}
