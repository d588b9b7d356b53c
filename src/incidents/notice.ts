/** What people are sent of a report: its summary, what to do, and where the whole is. Pure. */
import { duration, plural } from '../core/phrases.ts';
import type { Notice, Severity } from '../core/vocabulary.ts';
import { isStranger } from './callers.ts';
import type { IncidentReport } from './schema.ts';
import { callerText, keysText, moment, named, number, outside, percent, requests, STATUS } from './words.ts';

export interface ReportNoticeArgs {
  readonly report: IncidentReport;
  /** 1 for the first report of an incident. */
  readonly version: number;
  /** What has changed since the one before; empty for the first. */
  readonly news: readonly string[];
}

export function reportNotice({ report, version, news }: ReportNoticeArgs): Notice {
  const { credential, issuer, incident, status, summary } = report;
  const first = version === 1;
  return {
    kind: 'incident_report',
    severity: severityOf(report),
    credential, issuer,
    rotationId: incident.of === 'rotation' ? incident.id : null,
    title: first ? `${credential}: what the revoked key did (${STATUS[status].toLowerCase()})` : `${credential}: more is known of the emergency revocation`,
    happened: first ? summary : `${news.join(' ')} ${summary}`,
    means: meansOf(report),
    todo: todoOf(report),
    facts: factsOf(report),
    dedupeKey: `incident_report:${incident.id}:${version}`,
  };
}

/** Somebody has to act at once while a key lives, works although it is dead, or applications are down. */
export function severityOf({ status, standsOut }: IncidentReport): Severity {
  return status === 'revoking' || status === 'held' || standsOut.some(({ what }) => what === 'used_after_revocation') ? 'critical' : 'warning';
}

function meansOf({ status, standsOut, questions }: IncidentReport): string {
  const odd = standsOut.filter(({ what }) => what !== 'tried_after_revocation').length;
  const found = odd === 0 ? 'Nothing that was seen differs from what is usual, as far as that can be told.' : `What was seen differs in ${plural(odd, 'way')} from what is usual for this credential.`;
  const recovery = status === 'held' ? ' Applications may still be failing.' : status === 'revoking' ? ' Whoever holds the key can still use it.' : '';
  return `${found}${recovery} Keyturn cannot answer ${plural(questions.length, 'question')} that ${questions.length === 1 ? 'is' : 'are'} left.`;
}

const MOST_TODO = 6;

function todoOf({ incident, questions }: IncidentReport): readonly string[] {
  const shown = questions.slice(0, MOST_TODO).map(({ text }) => text);
  return [`Read the whole report: \`keyturn incidents show ${incident.id}\`.`, ...shown, ...(questions.length > shown.length ? [`The report asks ${plural(questions.length - shown.length, 'question')} more.`] : [])];
}

const MOST_CALLERS = 5;

function factsOf(report: IncidentReport): Record<string, string> {
  const { window, keys, usage, recovery, owner, standsOut } = report;
  const strangers = usage.callers.filter(isStranger);
  const callers = [...strangers, ...usage.callers.filter((caller) => !isStranger(caller))].slice(0, MOST_CALLERS);
  const failed = usage.seen.filter(({ refusedInGap }) => (refusedInGap ?? 0) > 0);
  return {
    Keys: keysText(keys),
    'Exposure window': `${moment(window.from)} to ${window.open ? 'now' : moment(window.until)}`,
    ...Object.fromEntries(usage.seen.map((seen) => [`Seen by ${seen.source}${usage.seen.filter(({ source }) => source === seen.source).length > 1 ? ` of ${seen.issuerKeyId}` : ''}`, `${requests(seen.requests)}, ${number(seen.failed)} failed, ${number(seen.denied)} refused`])),
    ...Object.fromEntries(callers.map((caller, n) => [n === 0 ? 'Callers' : `Caller ${n + 1}`, `${callerText(caller)}: ${requests(caller.requests)} (${percent(caller.share)})${isStranger(caller) ? ', not seen before' : ''}`])),
    ...Object.fromEntries(standsOut.filter(({ what }) => what !== 'new_network' && what !== 'new_program').map(({ text }, n) => [n === 0 ? 'Stands out' : `Stands out (${n + 1})`, text])),
    ...Object.fromEntries((recovery?.stores ?? []).map(({ place, afterMs }) => [`Store ${place}`, after(afterMs)])),
    ...Object.fromEntries((recovery?.applications ?? []).map(({ check, afterMs }) => [`Application ${check}`, after(afterMs)])),
    ...(failed.length === 0 ? {} : { 'Failed before recovery': named(failed.map(({ source, refusedInGap }) => `${requests(refusedInGap ?? 0)} (${outside(source)})`)) }),
    ...(owner === null ? {} : { Owner: owner }),
  };
}

function after(ms: number | null): string {
  return ms === null ? 'not healthy yet' : `healthy after ${duration(ms)}`;
}
