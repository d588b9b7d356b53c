/** `doctor` on drills: whose last one failed, and whose is overdue. */
import { days } from '../core/duration.ts';
import type { Drill, DrillSchedule } from '../ports/drill-ledger.ts';
import type { Context } from './context.ts';
import { occurrenceOf } from './drills/index.ts';
import { ok, warning } from './finding.ts';
import type { Finding } from './operations.ts';

/** One at a time an issuer: those of many credentials take their time. */
const OVERDUE_MS = days(2);

export async function examineDrills({ ledger, drills }: Pick<Context, 'ledger' | 'drills'>): Promise<readonly Finding[]> {
  const [latest, schedules, now] = await Promise.all([drills.latest(), drills.schedules(), ledger.now()]);
  const failed = latest.filter(({ state }) => state === 'failed' || state === 'given_up').map(failure);
  const overdue = schedules.flatMap((schedule) => overdueOf(schedule, now));
  const passed = latest.filter(({ state }) => state === 'passed').length;
  return [...(passed === 0 ? [] : [ok('drill', '', `${passed} of ${latest.length} last drills passed`)]), ...failed, ...overdue];
}

function failure({ id, credential, state, verdict, finishedAt }: Drill): Finding {
  const when = finishedAt === null ? '' : ` at ${finishedAt.toISOString()}`;
  const what = state === 'failed' ? `Its last drill failed${when}: ${verdict?.why ?? ''} A real emergency may fare the same.` : `Its last drill was given up${when}: ${verdict?.why ?? ''} How an emergency would go is not known.`;
  return warning('drill', credential, `${what} See \`keyturn drills show ${id}\`, then try again: \`keyturn drill ${credential} --wait\`.`);
}

function overdueOf(schedule: DrillSchedule, now: Date): readonly Finding[] {
  const due = occurrenceOf(schedule, now);
  if (due === null || now.getTime() - due.getTime() < OVERDUE_MS) return [];
  return [warning('drill', schedule.credential, `Its drill is due since ${due.toISOString()} and has not begun, so how an emergency would go is not known. \`keyturn drill ${schedule.credential} --wait\` says what stands in its way.`)];
}
