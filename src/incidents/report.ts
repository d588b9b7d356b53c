/** From what is known of an incident to its report. Pure. */
import type { Alert } from '../core/alert.ts';
import { duration, plural } from '../core/phrases.ts';
import type { AuditEvent } from '../ports/ledger.ts';
import { callersOf, isStranger } from './callers.ts';
import type { IncidentFacts } from './facts.ts';
import { questionsOf, type Unquestioned } from './questions.ts';
import { keyRows, recoveryOf, statusOf } from './recovery.ts';
import { REPORT_VERSION, type IncidentReport } from './schema.ts';
import { standsOut } from './stands-out.ts';
import { behindMs, countsOf, hoursOf } from './usage.ts';
import { exposure } from './window.ts';
import { keysText, moment, number, outside, requests } from './words.ts';

export function reportOf(facts: IncidentFacts): IncidentReport {
  const { ref, now, credential, issuer, owner, asked, leak } = facts;
  const window = exposure(facts);
  const [counted, callers] = [countsOf(facts), callersOf(facts)];
  const report: Unquestioned = {
    version: REPORT_VERSION,
    incident: { ...ref },
    at: now.toISOString(),
    credential, issuer, owner,
    status: statusOf(facts),
    asked: { by: asked.by, why: asked.why, at: asked.at.toISOString() },
    leak: leak === null ? null : { foundAt: leak.foundAt?.toISOString() ?? null, earliestAt: leak.earliestAt?.toISOString() ?? null, where: leak.where, by: leak.by },
    window,
    keys: keyRows(facts),
    usage: {
      sources: facts.usage.sources.map(({ source, shownUntil, failingSince }) => ({ source, shownUntil: shownUntil?.toISOString() ?? null, behindMs: behindMs(shownUntil, window), failingSince: failingSince?.toISOString() ?? null })),
      seen: counted.map(({ hours: _hours, ...seen }) => seen),
      hours: hoursOf(counted),
      callers: [...callers],
      scopes: { granted: [...new Set(facts.dying.flatMap(({ key }) => key?.scopes ?? []))].sort(), used: scopesUsed(facts) },
    },
    standsOut: standsOut(facts, window, callers, counted),
    recovery: recoveryOf(facts),
    alerts: facts.alerts.flatMap((alert) => alertRow(alert, window)),
    audit: facts.audit.map(auditRow),
  };
  return { ...report, summary: summaryOf(report), questions: questionsOf(report, facts) };
}

function scopesUsed({ usage: { scopes }, dying }: IncidentFacts): IncidentReport['usage']['scopes']['used'] {
  if (scopes === null) return null;
  return dying.flatMap(({ key, issuerKeyId }) => scopes.filter(({ keyId }) => keyId === key?.id).map(({ source, scope, requests: made, refused, firstSeen, lastSeen }) => ({
    source, issuerKeyId, scope, requests: made, refused, firstSeenAt: firstSeen.toISOString(), lastSeenAt: lastSeen.toISOString(),
  })));
}

/** Those that fired within the window or since. */
function alertRow({ id, finding, state, firedAt, endedAt }: Alert, { from }: IncidentReport['window']): IncidentReport['alerts'] {
  const since = Date.parse(from);
  if (firedAt === null || (firedAt < since && endedAt !== null && endedAt < since)) return [];
  return [{ id, rule: finding.rule, severity: finding.severity, state, title: finding.title, firedAt: new Date(firedAt).toISOString(), endedAt: endedAt === null ? null : new Date(endedAt).toISOString() }];
}

function auditRow({ seq, at, type, actor, detail, hash }: AuditEvent): IncidentReport['audit'][number] {
  return { seq, at: at.toISOString(), type, by: actor.who, what: whatOf(detail) || actor.why, hash };
}

/** Of a change of state where to and why; of a key its id and what became of it. */
function whatOf({ from, to, message, issuerKeyId, outcome }: AuditEvent['detail']): string {
  const parts = [from == null ? to : `${text(from)} → ${text(to)}`, issuerKeyId === undefined ? undefined : `key ${text(issuerKeyId)}`, outcome, message];
  return parts.map(text).filter((part) => part !== '').join(': ');
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** What people read first: when it died, what it did before, who did it, and whether applications work. */
function summaryOf(report: Unquestioned): string {
  return [died(report), did(report), recovered(report)].join(' ');
}

function died({ keys, credential, status, asked }: Unquestioned): string {
  if (keys.length === 0) return `No key of \`${credential}\` has been revoked for it${status === 'superseded' ? ': another emergency took its place' : ' yet'}.`;
  const which = `${sentenceStart(keysText(keys))} of \`${credential}\``;
  const alive = keys.filter(({ revokedAt }) => revokedAt === null).length;
  if (alive > 0) return `${which} should be dead since ${moment(asked.at)}, and ${alive === keys.length ? (alive === 1 ? 'still lives' : 'all still live') : `${number(alive)} of them still live${alive === 1 ? 's' : ''}`}.`;
  const slowest = Math.max(...keys.map(({ revokedAfterMs }) => revokedAfterMs ?? 0));
  return `${which} ${keys.length === 1 ? 'was' : 'were'} revoked ${duration(slowest)} after that was asked for.`;
}

const sentenceStart = (text: string): string => (text.startsWith('`') ? `Key ${text}` : `The ${text}`);

function spanText({ window, keys }: Unquestioned): string {
  const its = keys.length === 1 ? 'its' : 'their';
  const from = { evidence: 'the earliest evidence of the leak', creation: `${its} creation`, asked: 'the request to revoke' }[window.basis];
  return `${duration(Date.parse(window.until) - Date.parse(window.from))} from ${from} to ${window.open ? 'now' : `${its} revocation`}`;
}

function did(report: Unquestioned): string {
  const { keys, usage } = report;
  const [span, it] = [spanText(report), keys.length === 1 ? 'it' : 'them'];
  if (usage.sources.length === 0) return `What was done with ${it} in the ${span} was counted nowhere.`;
  if (usage.seen.every((seen) => seen.requests === 0)) return `No usage source told of a request with ${it} in the ${span}.`;
  const bySource = Map.groupBy(usage.seen, ({ source }) => source);
  const [busiest] = [...bySource].map(([source, seen]) => ({ source, total: seen.reduce((sum, one) => sum + one.requests, 0) })).sort((a, b) => b.total - a.total);
  const callers = usage.callers.filter((caller) => caller.source === busiest?.source && caller.requests > caller.denied);
  const strangers = callers.filter(isStranger).length;
  const who = callers.length === 0 ? '' : ` by ${plural(callers.length, 'caller')}${strangers === 0 ? '' : `, ${number(strangers)} of which ${strangers === 1 ? 'was' : 'were'} not seen before`}`;
  return `In the ${span}, ${requests(busiest?.total ?? 0)} were made with ${it}${who}, as ${outside(busiest?.source ?? '')} tells.`;
}

function recovered({ status, recovery }: Unquestioned): string {
  const gap = duration(recovery?.gapMs ?? 0);
  switch (status) {
    case 'superseded': return 'See the newer one.';
    case 'revoking': return 'Its replacement follows once it is dead.';
    case 'not_replaced': return 'No replacement was published.';
    case 'recovered': return `Applications had no working key for ${gap}, and all are healthy again.`;
    case 'recovering':
    case 'held': return `Applications have had no working key for ${gap}, and not all are healthy yet.`;
  }
}
