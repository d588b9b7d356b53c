/** What the operations share: the engine, the plug-ins that belong to no rotation, and what the worker knows of itself. */
import type { PluginDefinition } from '../core/plan.ts';
import type { Channel } from '../ports/channel.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Queue } from '../ports/queue.ts';
import type { AlertLedger } from '../ports/alert-ledger.ts';
import type { DrillLedger } from '../ports/drill-ledger.ts';
import type { IncidentLedger } from '../ports/incident-ledger.ts';
import type { LeakLedger } from '../ports/leak-ledger.ts';
import type { ResponseLedger } from '../ports/response-ledger.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';
import type { UsageLedger } from '../ports/usage-ledger.ts';
import type { Engine } from '../rotation/engine.ts';
import type { Settings } from '../config/index.ts';
import type { LeakSources } from './leak-sources.ts';
import type { Intake } from './break-glass/intake.ts';
import type { Sources } from './sources.ts';

export interface Context {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly usage: UsageLedger;
  readonly scans: ScanLedger;
  readonly alerts: AlertLedger;
  readonly incidents: IncidentLedger;
  readonly leaks: LeakLedger;
  readonly drills: DrillLedger;
  readonly responses: ResponseLedger;
  /** Null where questions are asked without a worker. */
  readonly queue: Queue | null;
  /** The configuration in use, but for its credentials: those are in the ledger. */
  readonly config: () => Settings;
  readonly sources: Sources;
  readonly leakSources: LeakSources;
  /** Of records that were left while worker or ledger were down. */
  readonly intake: Intake;
  /** Configuration warnings, shown by `status` and `doctor`. */
  readonly warnings: () => readonly string[];
  readonly channel: (name: string) => Promise<Channel | null>;
  readonly channelDefinitions: () => readonly PluginDefinition[];
  readonly version: string;
  readonly startedAt: Date;
}
