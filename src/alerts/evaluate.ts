/** What a scan found becomes alerts, and messages about them: judged on what the ledger holds, written only if it still holds that. */
import type { AlertLedger } from '../ports/alert-ledger.ts';
import type { Log } from '../ports/log.ts';
import { judge, type AlertSettings } from './judge.ts';
import type { Scan } from './look.ts';

export interface Evaluating {
  readonly alerts: Pick<AlertLedger, 'open' | 'silences' | 'channels' | 'apply'>;
  readonly newId: () => string;
  readonly log: Pick<Log, 'warn'>;
}

export interface Evaluated {
  /** False: others wrote all the while, and the next scan judges anew. */
  readonly applied: boolean;
  /** Alerts written, of these begun; and messages put into the outbox. */
  readonly written: number;
  readonly begun: number;
  readonly messages: number;
}

const RUNS = 8;
const MOST_SILENCES = 1_000;

/** `now`: the ledger's. Any number of workers may evaluate at once: of each alert, one writes, and the others look again. */
export async function evaluate({ alerts, newId, log }: Evaluating, scan: Scan, settings: AlertSettings, now: Date): Promise<Evaluated> {
  for (let run = 1; run <= RUNS; run += 1) {
    const [open, silences, storms] = await Promise.all([alerts.open(), alerts.silences({ active: true }, { limit: MOST_SILENCES }), alerts.channels()]);
    const changes = judge({ open, silences, storms }, scan, { settings, now, newId });
    if ((await alerts.apply(changes)) === 'stale') continue;
    return { applied: true, written: changes.alerts.length, begun: changes.alerts.filter(({ version }) => version === 0).length, messages: changes.deliveries.length };
  }
  log.warn({ runs: RUNS }, 'alerts were written by others all the while; the next scan judges anew');
  return { applied: false, written: 0, begun: 0, messages: 0 };
}
