/** Which alerts are one incident: those of the same credential and rule family that fire soon after each other. Pure. */
import { isEnded, type Alert } from '../core/alert.ts';
import { FINDING_RULES, isRule, SEVERITY_RANK } from '../core/finding.ts';

/** Alerts of the same key may be one incident. */
export function groupKey({ finding: { rule, subject, credential, issuer } }: Pick<Alert, 'finding'>): string {
  const family = isRule(rule) ? FINDING_RULES[rule].family : rule;
  const scope = credential === null ? (issuer === null ? `subject:${subject}` : `issuer:${issuer}`) : `credential:${credential}`;
  return `${family}\u0001${scope}`;
}

/**
 * Of those that fired just now the incident of each: one that began within `windowMs` of now, or, the worst of them
 * first, its own. `open` are those that fired before.
 */
export function incidentsOf(justFired: readonly Alert[], open: readonly Alert[], now: number, windowMs: number): ReadonlyMap<string, string> {
  const running = new Map<string, string>();
  for (const alert of open) {
    const began = alert.firedAt !== null && alert.incident === alert.id && !isEnded(alert) && Math.abs(now - alert.firedAt) <= windowMs;
    if (began) running.set(groupKey(alert), alert.incident);
  }
  const incidents = new Map<string, string>();
  for (const alert of [...justFired].sort(worstFirst)) {
    const key = groupKey(alert);
    const incident = running.get(key) ?? alert.id;
    running.set(key, incident);
    incidents.set(alert.id, incident);
  }
  return incidents;
}

export function worstFirst(a: Alert, b: Alert): number {
  return SEVERITY_RANK[b.finding.severity] - SEVERITY_RANK[a.finding.severity] || (a.firedAt ?? 0) - (b.firedAt ?? 0) || (a.id < b.id ? -1 : 1);
}
