/** `doctor`: every issuer, store, check, hook, usage source, leak source and channel is reachable and permitted, and nothing is out of order. Changes nothing. */
import { isFailing } from '../alerts/failing.ts';
import { duration } from '../core/phrases.ts';
import { describeError, KeyturnError } from '../core/errors.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { Plugins } from '../rotation/engine.ts';
import { readPlaces } from '../rotation/evidence.ts';
import { recordFindings } from './break-glass/concerns.ts';
import type { Context } from './context.ts';
import { examineLeakSources } from './doctor-leaks.ts';
import { examineAdminKeys } from './doctor-admin-keys.ts';
import { examineDrills } from './doctor-drills.ts';
import { examineResponses } from './doctor-responses.ts';
import { examineSources } from './doctor-sources.ts';
import { LOOK_MS, ok, problem, warning } from './finding.ts';
import type { Finding } from './operations.ts';
import { disorders } from './settle.ts';

export async function doctor(context: Context): Promise<readonly Finding[]> {
  const records = (await context.ledger.credentials()).filter((record) => record.declared);
  const opened = await Promise.all(records.map((record) => openPlugins(context, record)));
  const plugins = opened.flatMap((o) => ('plugins' in o ? [o] : []));
  const failures = opened.flatMap((o) => ('finding' in o ? [o.finding] : []));
  const [own, retired, drills, issuers, stores, checks, sources, leakSources, responses, channels, found] = await Promise.all([
    examineOwn(context),
    examineRetired(context, records),
    examineDrills(context),
    examineIssuers(plugins),
    examineStores(context, plugins),
    examineChecks(plugins),
    examineSources(context),
    examineLeakSources(context),
    examineResponses(context),
    examineChannels(context),
    disorders(context),
  ]);
  return [...own, ...retired, ...drills, ...recordFindings(context.intake), ...failures, ...issuers, ...examineAdminKeys(context.config(), records), ...stores, ...checks, ...sources, ...leakSources, ...responses, ...channels, ...found];
}

interface Opened {
  readonly record: CredentialRecord;
  readonly plugins: Plugins;
}

async function openPlugins(context: Context, record: CredentialRecord): Promise<Opened | { finding: Finding }> {
  try {
    return { record, plugins: await context.engine.plugins(record.plan) };
  } catch (error) {
    return { finding: problem('credential', record.name, describeError(error)) };
  }
}

async function examineOwn(context: Context): Promise<readonly Finding[]> {
  const { ledger, queue } = context;
  const figures = await ledger.figures();
  const findings = [ok('ledger', ledger.kind, 'answers')];
  if (queue !== null) findings.push((await queue.healthy()) ? ok('queue', queue.backend, 'answers') : problem('queue', queue.backend, 'The queue does not answer. Rotations wait; nothing is lost. Bring it back.'));
  if (figures.openDebts > 0) findings.push(warning('ledger', 'revocation debts', `${figures.openDebts} key(s) should be revoked and are not yet; see \`keyturn status\`.`));
  if (figures.deliveriesStuck > 0) findings.push(problem('ledger', 'outbox', `${figures.deliveriesStuck} notice(s) were refused by their channel; mend it, then \`keyturn deliveries retry\`.`));
  for (const lag of await ledger.channelLags()) {
    if (isFailing(lag)) findings.push(problem('channel', lag.channel, `Nothing got through for ${duration(lag.failingMs ?? 0)}; ${lag.waiting} wait, ${lag.stuck} were refused. The last attempt: ${lag.lastError ?? 'not known'}`));
  }
  return [...findings, ...context.warnings().map((text) => warning('configuration', '', text))];
}

/** Declared and without a key on purpose: their configuration is what is left of them. */
async function examineRetired({ ledger }: Context, records: readonly CredentialRecord[]): Promise<readonly Finding[]> {
  return (await ledger.retired(records.map(({ name }) => name))).map(({ credential, actor, since }) =>
    warning('credential', credential, `It was retired by ${actor.who} at ${since.toISOString()} (${actor.why}): it has no key, and its stores may still hold the dead one. Take it out of the configuration and its value out of the stores, or bring it back with \`keyturn rotate ${credential}\`.`));
}

async function examineIssuers(opened: readonly Opened[]): Promise<readonly Finding[]> {
  const issuers = [...new Map(opened.map(({ plugins }) => [plugins.issuer.name, plugins.issuer])).values()];
  const findings = await Promise.all(
    issuers.map(async (issuer): Promise<readonly Finding[]> => {
      try {
        const signal = AbortSignal.timeout(LOOK_MS);
        const account = await issuer.inspect(signal);
        const limit = account.keyLimit === null ? 'no key limit known' : `${account.liveKeys} of ${account.keyLimit} keys live`;
        const examined = (await issuer.examine?.(signal)) ?? [];
        return [
          account.problems.length === 0 ? ok('issuer', issuer.name, `answers; ${limit}`) : problem('issuer', issuer.name, account.problems.join(' ')),
          ...examined.map((e) => (e.ok ? ok('issuer', issuer.name, `${e.what}: ${e.detail}`) : warning('issuer', issuer.name, `${e.what}: ${e.detail}`))),
        ];
      } catch (error) {
        return [problem('issuer', issuer.name, describeError(error))];
      }
    }),
  );
  return findings.flat();
}

async function examineStores(context: Context, opened: readonly Opened[]): Promise<readonly Finding[]> {
  const findings = await Promise.all(opened.map((o) => examineStoresOf(context, o)));
  return findings.flat();
}

async function examineStoresOf({ engine }: Context, { record, plugins }: Opened): Promise<readonly Finding[]> {
  const signal = AbortSignal.timeout(LOOK_MS);
  const reads = await readPlaces(engine, plugins.places, signal);
  const findings = await Promise.all(
    reads.map(async ({ place: { store }, view, error }): Promise<readonly Finding[]> => {
      const name = `${record.name}: ${store.describe}`;
      const problems = await store.probe(signal).catch((thrown: unknown) => [{ fatal: true, message: describeError(thrown) }]);
      if (problems.length > 0) return problems.map((p) => (p.fatal ? problem('store', name, p.message) : warning('store', name, p.message)));
      if (view === null) return [problem('store', name, `It cannot be read: ${error}`)];
      return [ok('store', name, 'can be read, and written as far as can be known without writing')];
    }),
  );
  return findings.flat();
}

async function examineChecks(opened: readonly Opened[]): Promise<readonly Finding[]> {
  const checks = [...new Map(opened.flatMap(({ plugins }) => plugins.applicationChecks.map((c) => [c.name, { subject: 'check', plugin: c }] as const))).values()];
  const hooks = [...new Map(opened.flatMap(({ plugins }) => plugins.hooks.map((h) => [h.name, { subject: 'hook', plugin: h }] as const))).values()];
  return await Promise.all(
    [...checks, ...hooks].map(async ({ subject, plugin }): Promise<Finding> => {
      try {
        const result = await plugin.probe(AbortSignal.timeout(LOOK_MS));
        return result.ok ? ok(subject, plugin.name, result.detail) : problem(subject, plugin.name, result.detail);
      } catch (error) {
        return problem(subject, plugin.name, describeError(error));
      }
    }),
  );
}

async function examineChannels(context: Context): Promise<readonly Finding[]> {
  return await Promise.all(
    context.channelDefinitions().map(async ({ name }): Promise<Finding> => {
      try {
        const channel = await context.channel(name);
        if (channel === null) throw new KeyturnError('INTERNAL', `Channel ${name} vanished.`);
        await channel.probe(AbortSignal.timeout(LOOK_MS));
        return ok('channel', name, 'answers and may be used');
      } catch (error) {
        return problem('channel', name, describeError(error));
      }
    }),
  );
}
