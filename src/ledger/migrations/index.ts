import type { Migration } from 'kysely/migration';
import * as initial from './0001-initial.ts';
import * as recovery from './0002-recovery.ts';
import * as refuse from './0003-refuse.ts';
import * as usage from './0004-usage.ts';
import * as alerts from './0005-alerts.ts';
import * as scan from './0006-scan.ts';
import * as leaks from './0007-leaks.ts';
import * as incidentReports from './0008-incident-reports.ts';
import * as needs from './0009-needs.ts';
import * as responses from './0010-responses.ts';
import * as drills from './0011-drills.ts';

/** Every migration, oldest first. Append only; a released one is never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-recovery': recovery,
  '0003-refuse': refuse,
  '0004-usage': usage,
  '0005-alerts': alerts,
  '0006-scan': scan,
  '0007-leaks': leaks,
  '0008-incident-reports': incidentReports,
  '0009-needs': needs,
  '0010-responses': responses,
  '0011-drills': drills,
};
