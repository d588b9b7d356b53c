/** The list of jobs: what Keyturn does by itself. */
import type { Intervals, Work } from '../src/app/work.ts';
import type { JobDefinition } from '../src/ports/queue.ts';
import { advance, advanceEmergency } from './advance.ts';
import { channelWatch } from './channel-watch.ts';
import { dailySummary } from './daily-summary.ts';
import { deliver } from './deliver.ts';
import { drills } from './drills.ts';
import { dueSweep } from './due-sweep.ts';
import { fetchLeaks, handleLeaks, matchLeaks } from './handle-leaks.ts';
import { heartbeat } from './heartbeat.ts';
import { inspect } from './inspect.ts';
import { inventory } from './inventory.ts';
import type { Job } from './job.ts';
import { readUsage } from './read-usage.ts';
import { reportIncidents } from './report-incidents.ts';
import { respond } from './respond.ts';
import { revokeDebts } from './revoke-debts.ts';
import { scanUsage } from './scan-usage.ts';
import { sealAudit } from './seal-audit.ts';
import { takeRecords } from './take-records.ts';

/** As the queue wants them: payloads are checked before a handler sees them. */
export function jobDefinitions(work: Work, intervals: Intervals): readonly JobDefinition[] {
  const define = <P>(job: Job<P>): JobDefinition => ({
    name: job.name,
    lane: job.lane,
    everyMs: job.everyMs(intervals),
    run: (payload, signal) => job.handle(work, job.payload.parse(payload), signal),
  });
  return [
    define(dueSweep), define(advance), define(advanceEmergency), define(revokeDebts), define(inventory), define(inspect), define(deliver), define(sealAudit),
    define(dailySummary), define(readUsage), define(scanUsage), define(heartbeat), define(channelWatch), define(takeRecords),
    define(handleLeaks), define(fetchLeaks), define(matchLeaks), define(respond), define(reportIncidents), define(drills),
  ];
}
