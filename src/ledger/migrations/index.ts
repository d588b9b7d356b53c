import type { Migration } from 'kysely/migration';
import * as initial from './0001-initial.ts';
import * as recovery from './0002-recovery.ts';
import * as refuse from './0003-refuse.ts';
import * as usage from './0004-usage.ts';
import * as alerts from './0005-alerts.ts';

/** Every migration, oldest first. Append only; a released one is never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-recovery': recovery,
  '0003-refuse': refuse,
  '0004-usage': usage,
  '0005-alerts': alerts,
};
