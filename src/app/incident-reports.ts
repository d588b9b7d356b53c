/** Telling people of incidents: a report when it is ready, and again when much more becomes known. Any number of workers may look. */
import { channelsFor } from '../config/index.ts';
import { minutes } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import { BETWEEN_MS, digestOf, FOLLOWED_MS, HELD_AFTER_MS, MOST_FOLLOW_UPS, newsSince, reportNotice, reportOf, severityOf, type Digest, type IncidentReport } from '../incidents/index.ts';
import type { IncidentToReport, ToldReport } from '../ports/incident-ledger.ts';
import type { Context } from './context.ts';
import { gatherIncident, type Gathering } from './incident-facts.ts';
import type { Work } from './work.ts';

type Reporting = Gathering & { readonly engine: Pick<Context['engine'], 'plugins' | 'log' | 'queue'> };

/** So long a report waits for usage sources that have not shown all of the window yet; an issuer's audit log lags by two minutes. */
const SHOWN_WITHIN_MS = minutes(3);
const FOLLOWED_EVERY_MS = minutes(5);
const A_PAGE = 100;

/** One look at every incident of which something may be to be told. Those that were told are looked at every five minutes. */
export function createReporter(context: Reporting): Work['reportIncidents'] {
  let followedAt = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const now = (await context.ledger.now()).getTime();
    const follow = now - followedAt >= FOLLOWED_EVERY_MS;
    if (follow) followedAt = now;
    if ((await lookAtAll(context, follow ? { followedMs: FOLLOWED_MS } : {}, signal)) > 0) await context.engine.queue.wake('deliver', {});
  };
}

async function lookAtAll(context: Reporting, filter: { readonly followedMs?: number }, signal: AbortSignal): Promise<number> {
  let sent = 0;
  for (let after: string | undefined; !signal.aborted;) {
    const page = await context.incidents.toReport(filter, { limit: A_PAGE, ...(after === undefined ? {} : { after }) });
    for (const one of page) {
      if (signal.aborted) return sent;
      if (await quietly(context, one)) sent += 1;
    }
    after = page.at(-1)?.rotation.id;
    if (page.length < A_PAGE) return sent;
  }
  return sent;
}

/** One incident that cannot be looked at keeps no other from being told. */
async function quietly(context: Reporting, one: IncidentToReport): Promise<boolean> {
  try {
    return await lookAt(context, one);
  } catch (error) {
    context.engine.log.warn({ incident: one.rotation.id, error: describeError(error) }, 'an incident could not be reported; the next look does it');
    return false;
  }
}

/** Answers whether people were told something. */
async function lookAt(context: Reporting, { rotation, told }: IncidentToReport): Promise<boolean> {
  if (told !== null && told.version > MOST_FOLLOW_UPS) return false;
  const report = reportOf(await gatherIncident(context, rotation));
  if (told === null && report.status === 'superseded' && report.keys.length === 0) return await close(context, report);
  const news = told === null ? [] : newsSince(told.digest as Digest, report);
  if (!(told === null ? isReady(report) : news.length > 0 && mayFollow(told, report))) return false;
  const version = (told?.version ?? 0) + 1;
  const severity = severityOf(report);
  const { credential, plan } = rotation;
  const channels = channelsFor(context.config(), { credential, owner: plan.owner, labels: plan.labels, notify: plan.notify }, severity);
  const notice = reportNotice({ report, version, news });
  return (await context.incidents.record({ incident: rotation.id, version, digest: digestOf(report) }, { notice, channels })) === 'recorded';
}

/** Nothing came of it before another one took its place: that one tells. */
async function close({ incidents }: Reporting, report: IncidentReport): Promise<boolean> {
  await incidents.record({ incident: report.incident.id, version: 0, digest: digestOf(report) }, null);
  return false;
}

/** Once all is done and every source has shown the window, or has had its time to; what is not done after a while is told as it stands. */
function isReady({ status, at, asked, recovery, window, usage }: IncidentReport): boolean {
  const now = Date.parse(at);
  if (status === 'revoking' || status === 'recovering' || status === 'held') return now - Date.parse(asked.at) >= HELD_AFTER_MS;
  const doneAt = Date.parse(recovery?.recoveredAt ?? window.until);
  return usage.sources.every(({ behindMs }) => behindMs === 0) || now - doneAt >= SHOWN_WITHIN_MS;
}

/** That all works again is told at once. */
function mayFollow({ at, digest }: ToldReport, report: IncidentReport): boolean {
  return (report.status === 'recovered' && (digest as Digest).status !== 'recovered') || Date.parse(report.at) - at.getTime() >= BETWEEN_MS;
}
