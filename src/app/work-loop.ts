/** The worker's own work, as jobs call it. */
import { describeError } from '../core/errors.ts';
import type { Notice } from '../core/vocabulary.ts';
import { summarise } from '../alerts/daily.ts';
import { deliver } from '../alerts/deliver.ts';
import { tellOfFailing } from '../alerts/failing.ts';
import { channelsFor, summaryFor } from '../config/index.ts';
import { advance } from '../rotation/advance.ts';
import { payDebt } from '../rotation/debts.ts';
import { declaredPages } from '../rotation/declared.ts';
import { sweep } from '../rotation/due.ts';
import { inventory, repairStores, type Taken } from '../rotation/inventory.ts';
import { wakeWaiting } from '../rotation/request.ts';
import type { Context } from './context.ts';
import { beat, SWEEP, troubles } from './heartbeat.ts';
import { inventoryFailed, inventoryTaken, isOfIssuer } from './inspection.ts';
import type { Inventories } from './inventory-scan.ts';
import type { Work } from './work.ts';

const DEBTS_A_TURN = 200;
const SEALED_AT_ONCE = 1_000;

/** The part of the context that the worker's own work needs. */
export interface Working extends Pick<Context, 'engine' | 'ledger' | 'channel' | 'config'>, Partial<Pick<Context, 'queue' | 'alerts' | 'intake'>> {
  /** A notice with what only its message may hold. */
  readonly addressed?: (notice: Notice) => Notice;
  /** Makes alerts of what inventories found. */
  readonly tellOfInventories: (taken: Inventories) => Promise<void>;
}

/** All but what needs nothing that rotations need: reading and scanning usage, inspecting, reported leaks, responses, reports, and drills. */
export function createWork(context: Working): Omit<Work, 'readUsage' | 'scanUsage' | 'inspect' | 'handleLeaks' | 'respond' | 'fetchLeaks' | 'matchLeaks' | 'reportIncidents' | 'drill'> {
  const { engine, ledger } = context;
  let summarised: string | null = null;
  const underWay = new Set<string>();
  return {
    async sweep(signal) {
      await ledger.ping();
      await sweep(engine, signal);
      await ledger.noteDone(SWEEP);
      if (context.intake?.waits() === true) await engine.queue.wake('take-records', {}, { dedupeKey: 'take-records' });
      await wakeOutbox(context);
    },
    async takeRecords(signal) {
      await context.intake?.takeAll(signal);
      await wakeOutbox(context);
    },
    async advance(rotationId, signal) {
      if (await advance(engine, rotationId, signal)) await wakeOutbox(context);
    },
    async payDebts(signal) {
      for (const id of await ledger.payableDebts(DEBTS_A_TURN)) {
        if (signal.aborted) return;
        const debt = await ledger.debt(id);
        if (debt !== null) await payDebt(engine, debt, signal);
      }
      await wakeWaiting(engine, DEBTS_A_TURN);
      await wakeOutbox(context);
    },
    inventory: (signal) => takeInventories(context, signal),
    async deliver(signal) {
      const { channel, addressed } = context;
      const sent = await deliver({ ledger, channel, ...(addressed === undefined ? {} : { addressed }), log: engine.log, worker: engine.worker, underWay }, signal);
      if (sent > 0) await wakeOutbox(context);
    },
    async sealAudit() {
      while ((await ledger.seal(SEALED_AT_ONCE)) === SEALED_AT_ONCE);
    },
    async summarise() {
      summarised = await summarise({ ledger, log: engine.log, ...(context.alerts === undefined ? {} : { alerts: context.alerts }) }, summaryFor(context.config()), summarised);
      await wakeOutbox(context);
    },
    beat: (signal) => callWatcher(context, signal),
    async watchChannels() {
      await tellOfFailingChannels(context);
      await wakeOutbox(context);
    },
  };
}

async function tellOfFailingChannels({ ledger, config }: Working): Promise<void> {
  const settings = config();
  await tellOfFailing(ledger, channelsFor(settings, { credential: null, owner: null }, 'critical'), Object.keys(settings.channels));
}

/** Silent when all is not well: then the log says why, and the watcher notices the silence. */
async function callWatcher({ ledger, engine, queue, config }: Working, signal: AbortSignal): Promise<void> {
  const { heartbeat, worker } = config();
  if (heartbeat === undefined || !queue) return;
  const found = await troubles({ ledger, queue, sweepMs: worker.intervals.sweep });
  if (found.length > 0) {
    engine.log.warn({ troubles: found }, 'all is not well; the heartbeat is left out');
    return;
  }
  await beat(heartbeat, signal).catch((error: unknown) => engine.log.warn({ error: describeError(error) }, 'the heartbeat was not taken'));
}

/** Notices are sent as soon as their cause is committed; the job's own interval is only the safety net. */
export async function wakeOutbox({ ledger, engine }: Pick<Working, 'ledger' | 'engine'>): Promise<void> {
  if ((await ledger.deliverable(1)).length > 0) await engine.queue.wake('deliver', {}, { dedupeKey: 'deliver' });
}

async function takeInventories(context: Working, signal: AbortSignal): Promise<void> {
  const { engine, ledger } = context;
  await ledger.ping();
  const taken = new Map<string, Taken | null>();
  for (const issuer of await ledger.issuers()) {
    await quietly(context, { issuer }, async () => void taken.set(issuer, await takeInventory(context, issuer, signal)));
  }
  await quietly(context, {}, () => context.tellOfInventories(taken));
  for await (const page of declaredPages(ledger, { withKey: true })) {
    for (const record of page) {
      if (signal.aborted) return;
      await quietly(context, { credential: record.name }, () => repairStores(engine, record, signal));
    }
  }
  await wakeOutbox(context);
}

/** Notes how it went, for those who watch over the issuer. */
async function takeInventory({ engine, ledger }: Working, issuer: string, signal: AbortSignal): Promise<Taken | null> {
  try {
    const taken = await inventory(engine, issuer, signal);
    if (taken !== null) await ledger.noteDone(inventoryTaken(issuer));
    return taken;
  } catch (error) {
    if (!signal.aborted && isOfIssuer(error)) await ledger.noteDone(inventoryFailed(issuer));
    throw error;
  }
}

/** One issuer or store that is down keeps no other from being looked at. */
async function quietly(context: Working, fields: Partial<Record<'issuer' | 'credential', string>>, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    context.engine.log.warn({ ...fields, error: describeError(error) }, 'inventory could not be taken');
  }
}
