/** What a scan found, told to people: the one way from findings to alerts. */
import { ulid } from 'ulid';
import { evaluate, type Evaluated } from '../alerts/evaluate.ts';
import type { AlertSettings } from '../alerts/judge.ts';
import type { Scan } from '../alerts/look.ts';
import { alertSettings, channelsFor } from '../config/index.ts';
import type { Context } from './context.ts';

type Telling = Pick<Context, 'alerts' | 'ledger' | 'config'> & { readonly engine: Pick<Context['engine'], 'log' | 'queue'> };

/** Judges a scan and writes what comes of it; messages go out with the next delivery, which is woken. Any number of workers may. */
export async function tellOf(context: Telling, scan: Scan): Promise<Evaluated> {
  const { alerts, ledger, engine } = context;
  const done = await evaluate({ alerts, newId: ulid, log: engine.log }, scan, await settingsFor(context, scan), await ledger.now());
  if (done.messages > 0) await engine.queue.wake('deliver', {});
  return done;
}

/** Deletes alerts and silences that have been over for long; answers how many. */
export async function pruneAlerts({ alerts, config }: Pick<Context, 'alerts' | 'config'>): Promise<number> {
  return await alerts.prune(alertSettings(config()).keptMs);
}

async function settingsFor({ alerts, ledger, config }: Telling, scan: Scan): Promise<AlertSettings> {
  const concerned = [...scan.findings, ...(await alerts.open()).map(({ finding }) => finding)];
  const names = new Set(concerned.flatMap(({ credential }) => credential ?? []));
  const notify = new Map((await ledger.credentials([...names])).flatMap(({ name, plan }) => (plan.notify === undefined ? [] : [[name, plan.notify] as const])));
  const { keptMs: _keptMs, ...settings } = alertSettings(config());
  return {
    ...settings,
    channels: Object.keys(config().channels),
    route: ({ rule, credential, owner, labels, severity }) => channelsFor(config(), { rule, credential, owner, labels, notify: notify.get(credential ?? '') }, severity),
  };
}
