/** Questions without a worker: `plan` and `doctor` before the first `up`, or while the worker is down. Changes nothing. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planCredentials, resolveSecret, type Config, type Environment } from '../config/index.ts';
import type { PlannedCredential } from '../core/plan.ts';
import { KeyturnError } from '../core/errors.ts';
import { fingerprinter, textFingerprinter, Secret } from '../core/secret.ts';
import { openLedger, type OpenLedger } from '../ledger/index.ts';
import type { CredentialRecord, Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import { createChannels, REAL_CLOCK, workerName } from './app.ts';
import { createIntake } from './break-glass/intake.ts';
import type { Context } from './context.ts';
import { createLeakSources } from './leak-sources.ts';
import type { Engine } from '../rotation/engine.ts';
import type { Questions } from './operations.ts';
import { createPluginCache } from './plugins.ts';
import { questions } from './questions.ts';
import { existingRootKey } from './root-key.ts';
import { createSources } from './sources.ts';
import { VERSION } from './version.ts';

export interface AskOptions {
  readonly config: Config;
  readonly warnings: readonly string[];
  readonly environment: Pick<Environment, 'databaseUrl'>;
  readonly log: Log;
}

/** Opens the ledger only to read it. Where there is none yet, questions are answered as a first worker would find things. */
export async function ask({ config, warnings, environment, log }: AskOptions): Promise<Questions & { close(): Promise<void> }> {
  const { key, opened, cleanUp } = await openToRead(config, environment);
  const plugins = createPluginCache(resolveSecret);
  const channels = createChannels(() => config, opened.ledger);
  const sources = createSources({ config: () => config, issuer: (definition) => plugins.issuer(definition), fingerprint: textFingerprinter(key) });
  // One that was made up because nothing has begun yet stands for the one that is configured, and that answered.
  const kind = environment.databaseUrl === null ? 'embedded' : 'postgres';
  const ledger = { ...withDeclared(opened.ledger, planCredentials(config)), kind } as const;
  const engine: Engine = { ledger, queue: { wake: async () => false, wakeAll: async () => false }, plugins: (plan) => plugins.of(plan), fingerprint: fingerprinter(key), log, clock: REAL_CLOCK, worker: workerName() };
  const intake = createIntake({ engine, breakGlass: opened.breakGlass, config: () => config, issuer: (definition) => plugins.issuer(definition), rootKey: key });
  const context: Context = {
    engine, intake, ledger, usage: opened.usage, scans: opened.scans, alerts: opened.alerts, incidents: opened.incidents, leaks: opened.leaks, responses: opened.responses, drills: opened.drills, leakSources: createLeakSources(() => config), queue: null, sources, version: VERSION, startedAt: new Date(),
    config: () => config,
    warnings: () => warnings,
    channel: (name) => channels.of(name),
    channelDefinitions: () => channels.definitions(),
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled([plugins.close(), channels.close(), sources.close()]);
    await opened.ledger.close();
    cleanUp();
  };
  return { ...questions(context), close };
}

interface Opened {
  readonly key: Secret;
  readonly opened: OpenLedger;
  readonly cleanUp: () => void;
}

async function openToRead(config: Config, { databaseUrl }: AskOptions['environment']): Promise<Opened> {
  const { dataDir } = config.worker;
  if (databaseUrl === null && !existsSync(join(dataDir, 'ledger'))) return await openScratch();
  // A key that fits no ledger: one that was begun is then refused, as one that is another's should be.
  const key = (await existingRootKey(config.security.rootKey, dataDir, resolveSecret)) ?? newKey();
  try {
    const opened = await openLedger({ dataDir, rootKey: key, migrate: false, ...(databaseUrl === null ? {} : { databaseUrl: databaseUrl.reveal() }) });
    return { key, opened, cleanUp: () => undefined };
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'LEDGER_EMPTY') return await openScratch();
    throw error;
  }
}

/** An empty ledger of its own, gone when the question is answered: what a first worker would begin with. */
async function openScratch(): Promise<Opened> {
  const scratch = mkdtempSync(join(tmpdir(), 'keyturn-ask-'));
  const key = newKey();
  const cleanUp = (): void => rmSync(scratch, { recursive: true, force: true });
  try {
    return { key, opened: await openLedger({ dataDir: scratch, rootKey: key }), cleanUp };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

const newKey = (): Secret => new Secret(randomBytes(32).toString('hex'));

/** The ledger as it would be once this configuration is declared, without declaring it. */
function withDeclared(ledger: Ledger, planned: readonly PlannedCredential[]): Ledger {
  const ordered = [...planned].sort((a, b) => (a.plan.credential < b.plan.credential ? -1 : 1));
  const asDeclared = async (some: readonly PlannedCredential[]): Promise<readonly CredentialRecord[]> => {
    const known = new Map((await ledger.credentials(some.map(({ plan }) => plan.credential))).map((record) => [record.name, record]));
    const now = await ledger.now();
    return some.map(({ plan, revision }): CredentialRecord => {
      const fresh = { currentKeyId: null, dueAt: null, firstSeenAt: now, lastRotatedAt: null };
      return { ...(known.get(plan.credential) ?? fresh), name: plan.credential, issuer: plan.issuer.name, owner: plan.owner, revision, plan, declared: true };
    });
  };
  return {
    ...ledger,
    credentials: (only) => asDeclared(only === undefined ? ordered : ordered.filter(({ plan }) => only.includes(plan.credential))),
    credential: async (name) => (await asDeclared(ordered.filter(({ plan }) => plan.credential === name)))[0] ?? null,
    async declaredCredentials({ issuer, owner, withKey }, { limit, after }) {
      const chosen = ordered.filter(({ plan }) => (issuer ?? plan.issuer.name) === plan.issuer.name && (owner ?? plan.owner) === plan.owner && (after === undefined || plan.credential > after));
      if (withKey === true) return (await asDeclared(chosen)).filter((record) => record.currentKeyId !== null).slice(0, limit);
      return await asDeclared(chosen.slice(0, limit));
    },
    issuers: async () => [...new Set(planned.map(({ plan }) => plan.issuer.name))].sort(),
  };
}
