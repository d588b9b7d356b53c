/** `keyturn revoke --direct`: past worker, queue and ledger, from the configuration alone. Loads nothing of the ledger. */
import { ulid } from 'ulid';
import { existingRootKey } from '../app/root-key.ts';
import { findKey, findOfCredential, isNamedFor, type Looking, type OfCredential, type Target } from '../app/break-glass/find.ts';
import { keep, type Keeping } from '../app/break-glass/keep.ts';
import { kill } from '../app/break-glass/kill.ts';
import { notedInstallation } from '../app/installation.ts';
import { ISSUERS, open } from '../app/registry.ts';
import { issuerDefinitions, planCredentials, resolveSecret, type Config } from '../config/index.ts';
import { loadConfig } from '../config/load.ts';
import { saysDead, type BreakGlassOutcome, type BreakGlassRecord } from '../core/break-glass.ts';
import { minutes } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import type { CredentialPlan } from '../core/plan.ts';
import { scrub } from '../core/secret.ts';
import type { Issuer } from '../ports/issuer.ts';
import { clean } from './clean.ts';
import type { Cli, Given } from './command.ts';
import { confirmDirect, noteWorker, printDirect, refuseUntold, type Meant, type Revoked } from './direct-view.ts';
import { durationOf } from './given.ts';
import { honourProxies } from './proxy.ts';
import { besideWorker, type Beside } from './beside-worker.ts';

const TRY_FOR_MS = minutes(5);
/** A prefix that tells values from words, and what follows it at least in a value. */
const SHORTEST_PREFIX = 4;
const SHORTEST_REST = 8;

/** Gives the exit code. Throws what keeps it from beginning; then nothing was revoked. */
export async function direct(cli: Cli, given: Given, reason: string): Promise<number> {
  const forMs = durationOf(given, 'timeout') ?? TRY_FOR_MS;
  const stop = stopping();
  honourProxies();
  const beside = besideWorker(cli);
  const { config } = await loadConfig(cli.configPath, { env: cli.env });
  const meant = await find(cli, given, config, beside, stop.within(forMs));
  if (!given.flag('yes') && !(await confirmDirect(cli, meant, await beside))) {
    cli.out.note('Nothing was revoked.');
    return 1;
  }
  const rootKey = await existingRootKey(config.security.rootKey, config.worker.dataDir, resolveSecret).catch(() => null);
  const keeping: Keeping = { dataDir: config.worker.dataDir, recordDir: given.text('record') ?? null, here: process.cwd(), rootKey };
  // All at once: a slow one must not keep another alive. The time that a person took to answer does not count.
  const signal = stop.within(forMs);
  const done = await Promise.all(meant.targets.map((target) => revokeOne(cli, { target, meant, keeping, reason, signal, stopped: () => stop.byHand() })));
  if (given.flag('yes')) noteWorker(cli, await beside);
  printDirect(cli, done, { beside: await beside, signed: rootKey !== null, dataDir: keeping.dataDir });
  return exitOf(done, stop.interrupted());
}

function exitOf(done: readonly Revoked[], interrupted: boolean): number {
  if (done.some(({ record }) => !saysDead(record))) return interrupted ? 130 : 1;
  // An issuer that never listed it says 404 to a mistyped id too.
  return done.some(({ target, record }) => target.key === null && record.outcome === 'gone') ? 5 : 0;
}

interface Stopping {
  within(ms: number): AbortSignal;
  interrupted(): boolean;
  /** By the person who asked, and not by a machine that goes down. */
  byHand(): boolean;
}

/** Ctrl-C ends the tries and completes the record; a second one ends the process. */
function stopping(): Stopping {
  const asked = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => asked.abort(signal));
  return { within: (ms) => AbortSignal.any([asked.signal, AbortSignal.timeout(ms)]), interrupted: () => asked.signal.aborted, byHand: () => asked.signal.reason === 'SIGINT' };
}

/** A credential of the configuration by that name, else a key by that id. */
async function find(cli: Cli, given: Given, config: Config, beside: Promise<Beside>, signal: AbortSignal): Promise<Meant> {
  const named = wellFormed(given.args[0] ?? '');
  const plans = planCredentials(config).map(({ plan }) => plan);
  const issuers = openIssuers(config, given.text('issuer'));
  const failed = (issuer: string, error: string): void => cli.out.note(clean(`${issuer} does not list its keys, and is asked again: ${error}`));
  const looking: Looking = { signal, failed };
  const noted = given.text('installation') ?? notedInstallation(config.worker.dataDir);
  const plan = plans.find(({ credential }) => credential === named);
  if (plan === undefined) {
    const target = await findKey(issuers, named, looking);
    return { named, targets: [target], others: [], plan: planOf(plans, target), installation: noted };
  }
  const issuer = issuers.find(({ name }) => name === plan.issuer.name);
  if (issuer === undefined) throw new KeyturnError('USAGE', `${named} is a credential of ${plan.issuer.name}, not of ${issuers[0]?.name}. Nothing was revoked.`, { effect: 'none', todo: 'Leave --issuer out.' });
  const installation = noted ?? (await beside).installation;
  const found: OfCredential = await findOfCredential(issuer, plan, plans, installation, looking);
  refuseUntold(plan, found, installation);
  return { named, ...found, plan, installation };
}

function wellFormed(named: string): string {
  if (/^[^\p{Cc}\p{Zl}\p{Zp}]{1,500}$/u.test(named)) return named;
  throw new KeyturnError('USAGE', 'That is neither the name of a credential nor the id of a key.', { effect: 'none', todo: '`keyturn keys` lists both, where a worker answers; the issuer\'s dashboard shows ids.' });
}

function openIssuers(config: Config, only: string | undefined): readonly Issuer[] {
  const definitions = issuerDefinitions(config);
  const chosen = definitions.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new KeyturnError('UNKNOWN_NAME', `No issuer named ${only} is configured. Nothing was revoked.`, { effect: 'none', todo: `Configured: ${definitions.map(({ name }) => name).join(', ')}.` });
  return chosen.map((definition) => open(ISSUERS, definition, resolveSecret));
}

/** The one credential for which a key's name says that it was made. */
function planOf(plans: readonly CredentialPlan[], { issuer, key }: Target): CredentialPlan | null {
  const fitting = plans.filter((plan) => key !== null && plan.issuer.name === issuer.name && isNamedFor(plan, key));
  return fitting.length === 1 ? (fitting[0] ?? null) : null;
}

interface One {
  readonly target: Target;
  readonly meant: Meant;
  readonly keeping: Keeping;
  readonly reason: string;
  readonly signal: AbortSignal;
  readonly stopped: () => boolean;
}

/** As a record may hold it: what issuers and people say is bounded, steers nothing and holds no value that is known here. */
function bare(text: string, most: number): string {
  return clean(scrub(text)).slice(0, most);
}

/** Who tells of a leak may paste what leaked: what begins as the key does is taken for its value. */
function withoutValues(reason: string, prefix: string): string {
  return prefix.length < SHORTEST_PREFIX ? reason : reason.split(/(\s+)/).map((word) => (word.includes(prefix) && word.length >= prefix.length + SHORTEST_REST ? '[secret]' : word)).join('');
}

/** The intent is on disk before the issuer is asked, so that whoever dies in between leaves a trace. */
async function revokeOne(cli: Cli, { target, meant, keeping, reason, signal, stopped }: One): Promise<Revoked> {
  const { issuer, keyId, key } = target;
  const { who, why } = cli.actor(reason);
  const intent: BreakGlassRecord = {
    id: ulid(), issuer: issuer.name, keyId, name: bare(key?.name ?? '', 500), prefix: bare(key?.prefix ?? '', 100), credential: meant.plan?.credential ?? null,
    who: bare(who, 200), why: bare(withoutValues(why, key?.prefix ?? ''), 2_000), askedAt: new Date().toISOString(), revokedAt: null, outcome: null,
  };
  keep(intent, keeping);
  const failed = (error: string, pauseMs: number): void => cli.out.note(clean(`${keyId} is not revoked yet: ${error} Again in ${pauseMs / 1_000} s.`));
  const killed = await kill(issuer, keyId, { signal, listedLive: key?.live === true, failed });
  const outcome: BreakGlassOutcome = killed.outcome === 'unconfirmed' && stopped() ? 'stopped' : killed.outcome;
  const record: BreakGlassRecord = { ...intent, outcome, revokedAt: saysDead({ outcome }) ? new Date().toISOString() : null };
  return { target, killed, record, kept: keep(record, keeping) };
}
