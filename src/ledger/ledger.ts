import { deriveKey, type Secret } from '../core/secret.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { AlertLedger } from '../ports/alert-ledger.ts';
import type { LeakLedger } from '../ports/leak-ledger.ts';
import type { BreakGlassLedger } from '../ports/break-glass-ledger.ts';
import type { DrillLedger } from '../ports/drill-ledger.ts';
import type { ResponseLedger } from '../ports/response-ledger.ts';
import type { IncidentLedger } from '../ports/incident-ledger.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';
import type { UsageLedger } from '../ports/usage-ledger.ts';
import { sql } from 'kysely';
import { ALERT_METHODS, alertMethods } from './alerting/index.ts';
import { askMethods } from './asks.ts';
import { auditMethods } from './audit.ts';
import type { Batch } from './batch.ts';
import { BREAK_GLASS_METHODS, breakGlassMethods } from './break-glass.ts';
import { channelLags } from './channel-lags.ts';
import { credentialMethods } from './credentials.ts';
import { daily } from './daily.ts';
import { debtMethods } from './debts.ts';
import { DRILL_METHODS, drillMethods } from './drills.ts';
import { dueMethods } from './due.ts';
import { ledgerError } from './failures.ts';
import { figures } from './figures.ts';
import { INCIDENT_METHODS, incidentMethods } from './incidents.ts';
import { keyMethods } from './keys.ts';
import { LEAK_METHODS, leakMethods } from './leaks.ts';
import { outboxMethods } from './outbox.ts';
import { pauseMethods } from './pauses.ts';
import { RESPONSE_METHODS, responseMethods } from './responses.ts';
import { rotationMethods } from './rotations.ts';
import { SCAN_METHODS, scanMethods } from './scan.ts';
import { sealMethods } from './seal.ts';
import { sharedTimeMethods } from './shared-time.ts';
import { LEDGER_METHODS, fenced, requireKnownSchema } from './schema-fence.ts';
import type { Db } from './sql.ts';
import { NOW } from './sql.ts';
import { USAGE_METHODS, usageMethods } from './usage.ts';
import { watchMethods } from './watches.ts';

export interface LedgerParts {
  readonly kind: Ledger['kind'];
  readonly db: Db;
  readonly batch: Batch;
  readonly rootKey: Secret;
  readonly installation: string;
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The whole ledger over an opened database; each area lives in a file of its own. */
export function composeLedger(parts: LedgerParts): { readonly ledger: Ledger; readonly usage: UsageLedger; readonly scans: ScanLedger; readonly alerts: AlertLedger; readonly leaks: LeakLedger; readonly responses: ResponseLedger; readonly incidents: IncidentLedger; readonly breakGlass: BreakGlassLedger; readonly drills: DrillLedger } {
  const { db, batch } = parts;
  return {
    ledger: translated(fenced(recordOf(parts), LEDGER_METHODS, db)),
    usage: translated(fenced(usageMethods(db, batch), USAGE_METHODS, db)),
    scans: translated(fenced(scanMethods(db, batch), SCAN_METHODS, db)),
    alerts: translated(fenced(alertMethods(db, batch), ALERT_METHODS, db)),
    leaks: translated(fenced(leakMethods(db, batch), LEAK_METHODS, db)),
    responses: translated(fenced(responseMethods(db, batch), RESPONSE_METHODS, db)),
    incidents: translated(fenced(incidentMethods(db, batch), INCIDENT_METHODS, db)),
    breakGlass: translated(fenced(breakGlassMethods(db), BREAK_GLASS_METHODS, db)),
    drills: translated(fenced(drillMethods(db), DRILL_METHODS, db)),
  };
}

function recordOf({ kind, db, batch, rootKey, installation, sync, close }: LedgerParts): Ledger {
  return {
    kind,
    ...credentialMethods(db),
    ...dueMethods(db, batch),
    ...keyMethods(db),
    ...rotationMethods(db, batch),
    ...askMethods(db),
    ...debtMethods(db, batch),
    ...watchMethods(db, batch),
    ...pauseMethods(db),
    ...auditMethods(db),
    ...sealMethods(db, deriveKey(rootKey, 'audit')),
    ...outboxMethods(db),
    ...sharedTimeMethods(db),
    channelLags: () => channelLags(db),
    now: () => now(db),
    installation: async () => installation,
    figures: () => figures(db),
    daily: (spanMs) => daily(db, spanMs),
    ping: () => requireKnownSchema(db),
    sync,
    close,
  };
}

async function now(db: Db): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select ${NOW} as at`.execute(db);
  return rows[0]?.at ?? new Date(Number.NaN);
}

/** Every method throws LEDGER_UNREACHABLE for what drivers throw when the database is away. */
function translated<T extends object>(target: T): T {
  const wrapped = Object.entries(target).map(([name, member]: [string, unknown]) => {
    if (typeof member !== 'function') return [name, member];
    const call = async (...parameters: unknown[]): Promise<unknown> => {
      try {
        return await (member as (...given: unknown[]) => Promise<unknown>)(...parameters);
      } catch (error) {
        throw ledgerError(error);
      }
    };
    return [name, call];
  });
  return Object.fromEntries(wrapped) as T;
}
