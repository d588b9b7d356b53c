/** Liveness, readiness and Prometheus metrics. */
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { describeError } from '../core/errors.ts';
import type { DrillLedger } from '../ports/drill-ledger.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Queue } from '../ports/queue.ts';
import type { Health } from './operations.ts';

export interface HealthSources {
  readonly ledger: Ledger;
  readonly drills: Pick<DrillLedger, 'latest'>;
  readonly queue: Queue;
  readonly version: string;
}

export function createHealth(sources: HealthSources): Health {
  const { ledger, queue } = sources;
  const registry = createRegistry(sources);
  return {
    live: () => true,
    async ready() {
      const reasons: string[] = [];
      await ledger.ping().catch((error: unknown) => reasons.push(describeError(error)));
      if (!(await queue.healthy())) reasons.push(`The queue (${queue.backend}) does not answer; the sweep goes on without it once it is back.`);
      return { ready: reasons.length === 0, reasons };
    },
    metrics: () => registry.metrics(),
  };
}

function createRegistry({ ledger, drills, queue, version }: HealthSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge => new Gauge({ name: `keyturn_${name}`, help, labelNames, registers: [registry] });
  gauge('build_info', 'Constant 1, labelled with the version.', ['version']).set({ version }, 1);
  const rotations = gauge('rotations', 'Rotations by state.', ['state']);
  const keys = gauge('keys', 'Keys in the ledger by state.', ['state']);
  const debts = gauge('revocation_debts', 'Keys that should be revoked and are not yet.');
  const debtAge = gauge('revocation_debt_oldest_seconds', 'Age of the oldest open revocation debt; 0 without one.');
  const waiting = gauge('deliveries_waiting', 'Notices not delivered yet.');
  const stuck = gauge('deliveries_stuck', 'Notices that a channel refused; a person must act.');
  const lag = gauge('delivery_oldest_seconds', 'Age of the oldest waiting notice; 0 without one.');
  const lagBy = gauge('channel_delivery_lag_seconds', 'Age of the oldest waiting notice, by channel; absent where none waits.', ['channel']);
  const failingBy = gauge('channel_failing_seconds', 'For how long nothing gets through, by channel; absent where nothing failed.', ['channel']);
  const unsealed = gauge('audit_unsealed', 'Audit events not chained yet.');
  const lanes = gauge('queue_jobs', 'Jobs by lane and state.', ['lane', 'state']);
  const drillPassed = gauge('drill_passed', '1 where the last drill passed, by credential; absent where none was made.', ['credential']);
  const drillRevoke = gauge('drill_revoke_seconds', 'Time to revoke in the last drill, by credential; absent where it did not come to that.', ['credential']);
  const drillRecover = gauge('drill_recover_seconds', 'Time to recover in the last drill, by credential; absent where it did not come to that.', ['credential']);
  const drillEnded = gauge('drill_finished_timestamp_seconds', 'When the last drill ended, by credential.', ['credential']);
  const scraped = gauge('up', '1 while ledger figures can be read.');
  const collect = async (): Promise<void> => {
    const figures = await ledger.figures();
    for (const [labelled, counts] of [[rotations, figures.rotationsByState], [keys, figures.keysByState]] as const) {
      labelled.reset();
      for (const [state, count] of Object.entries(counts)) labelled.set({ state }, count);
    }
    debts.set(figures.openDebts);
    debtAge.set((figures.oldestDebtAgeMs ?? 0) / 1000);
    waiting.set(figures.deliveriesWaiting);
    stuck.set(figures.deliveriesStuck);
    lag.set((figures.oldestDeliveryAgeMs ?? 0) / 1000);
    const lags = await ledger.channelLags();
    for (const by of [lagBy, failingBy]) by.reset();
    for (const { channel, oldestAgeMs, failingMs } of lags) {
      if (oldestAgeMs !== null) lagBy.set({ channel }, oldestAgeMs / 1000);
      if (failingMs !== null) failingBy.set({ channel }, failingMs / 1000);
    }
    for (const by of [drillPassed, drillRevoke, drillRecover, drillEnded]) by.reset();
    for (const { credential, state, revokeMs, recoverMs, finishedAt } of await drills.latest()) {
      drillPassed.set({ credential }, state === 'passed' ? 1 : 0);
      if (revokeMs !== null) drillRevoke.set({ credential }, revokeMs / 1000);
      if (recoverMs !== null) drillRecover.set({ credential }, recoverMs / 1000);
      drillEnded.set({ credential }, (finishedAt?.getTime() ?? 0) / 1000);
    }
    unsealed.set(figures.unsealedAudit);
    for (const { lane, ...counts } of await queue.counts()) {
      for (const [state, count] of Object.entries(counts)) lanes.set({ lane, state }, count);
    }
  };
  return withCollect(registry, scraped, collect);
}

/** Figures are read when somebody asks; a ledger that is down is a metric too, not a failed scrape. */
function withCollect(registry: Registry, scraped: Gauge, collect: () => Promise<void>): Registry {
  const metrics = registry.metrics.bind(registry);
  registry.metrics = async () => {
    await collect().then(() => scraped.set(1), () => scraped.set(0));
    return await metrics();
  };
  return registry;
}
