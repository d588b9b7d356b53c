/** `keyturn up`: opens the app, serves the control API, runs the jobs, and stops in order. */
import { jobDefinitions } from '../../jobs/index.ts';
import { startApi, type Api } from '../api/index.ts';
import { openApp, VERSION, type App } from '../app/index.ts';
import { createConfigHolder, readEnvironment, resolveSecret, type ConfigHolder, type Settings } from '../config/index.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { createLogger } from '../log/index.ts';
import type { Log } from '../ports/log.ts';
import { honourProxies } from './proxy.ts';

const SHORTEST_TOKEN = 16;

export interface WorkerOptions {
  readonly configPath: string;
}

/** Runs until SIGTERM or SIGINT. Throws what prevents it from starting; then nothing stays behind. */
export async function runWorker({ configPath }: WorkerOptions): Promise<void> {
  const environment = readEnvironment();
  const holder = await createConfigHolder(configPath);
  const config = holder.current();
  const log = createLogger({ level: config.log.level, pretty: config.log.format === 'pretty' || (config.log.format === 'auto' && process.stdout.isTTY) });
  honourProxies();
  for (const warning of holder.warnings()) log.warn({}, warning);
  const app = await openApp({ holder, environment, log });
  const api = await serve(app, config, log).catch(async (error: unknown) => {
    await app.close(0);
    throw error;
  });
  const stopped = stopSignal();
  onReload(app, holder, log);
  await app.start(jobDefinitions(app.work, app.intervals));
  const { ledger, queue } = app.context;
  log.info({ version: VERSION, worker: app.context.engine.worker, ledger: ledger.kind, queue: queue?.backend, api: api.addresses }, 'up');
  const signal = await stopped;
  log.info({ signal, withinMs: config.worker.shutdown }, 'stopping: finishing or handing over what runs');
  await api.close(Math.min(5_000, config.worker.shutdown));
  await app.close(config.worker.shutdown);
}

async function serve(app: App, config: Settings, log: Log): Promise<Api> {
  const { listen, socket } = config.api;
  const tcp = listen === undefined ? {} : { tcp: { host: listen.host, port: listen.port, token: await apiToken(listen.token) } };
  return await startApi({ operations: app.operations, health: app.health, pushUsage: app.pushUsage, takeIssuerEvent: app.takeIssuerEvent, takeLeaks: app.takeLeaks, answerApproval: app.answerApproval, socketPath: socket, ...tcp, log, version: VERSION });
}

/** Over TCP the token is all that stands between a stranger and every key. Throws CONFIG_INVALID for one that could be guessed. */
async function apiToken(reference: Parameters<typeof resolveSecret>[0]): Promise<Secret> {
  const token = await resolveSecret(reference);
  if (token.reveal().length >= SHORTEST_TOKEN) return token;
  throw new KeyturnError('CONFIG_INVALID', `api.listen.token holds fewer than ${SHORTEST_TOKEN} characters, so it could be guessed.`, { effect: 'none', todo: 'Make one with `openssl rand -hex 32`.' });
}

/** A second signal ends the process at once: someone is in a hurry, and the ledger can take it. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve(signal);
      });
    }
  });
}

function onReload(app: App, holder: ConfigHolder, log: Log): void {
  process.on('SIGHUP', () => {
    void app.operations.reload({ who: 'signal:SIGHUP', why: 'configuration reload' }).then(
      ({ applied, problems }) => {
        if (applied) log.info({ config: holder.path }, 'configuration reloaded');
        else log.error({ config: holder.path, problems }, 'the new configuration is bad; the old one stays in use');
      },
      (error: unknown) => log.error({ err: error }, 'the configuration could not be reloaded'),
    );
  });
}
