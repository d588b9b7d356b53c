/** What most files here begin with: a runtime, a user's directory on it, the sandbox, and a Slack that keeps what it is told. */
import { expect } from 'vitest';
import { freePort } from '../support/processes.ts';
import type { RunningRuntime, Runtime } from '../support/runtimes.ts';
import { startSlackCatcher, type SlackCatcher } from '../support/slack.ts';
import { BRISK, issuerAt, openHome, QUICK, ROOT_KEY_VARIABLE, startSandbox, type Home, type SandboxProcess } from './support.ts';

export const [API_TOKEN, PUSH_TOKEN] = ['api-token-of-the-tests-0123', 'push-token-of-the-gateway'];
const TOKENS = { SLACK_BOT_TOKEN: 'xoxb-token-of-the-tests', GATEWAY_PUSH_TOKEN: PUSH_TOKEN, KEYTURN_API_TOKEN: API_TOKEN };

/** What a scene's `push` pushes to, where a configuration names it `gateway`. */
export const GATEWAY = { type: 'push', token: '${env:GATEWAY_PUSH_TOKEN}', key: { by: 'value' } };

type Data = Readonly<Record<string, unknown>>;

export interface SceneOptions {
  /** Of the sandbox, and what the issuer is declared with. */
  readonly plan?: 'pro' | 'enterprise';
  /** On which runtimes the home has the runtime's data directory; on the others it makes its own, `.keyturn`. */
  readonly dataDir?: 'embedded' | 'all' | 'none';
  /** More variables of its commands. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Scene {
  readonly running: RunningRuntime;
  /** The workers that it starts end with the scene. */
  readonly home: Home;
  readonly sandbox: SandboxProcess;
  readonly slack: SlackCatcher;
  /** A channel's declaration: it tells `slack`. */
  readonly slackChannel: Data;
  /** The control API's address, where a configuration says `api: { listen }`. */
  readonly api: string;
  readonly listen: Data;
  /** An issuer at the sandbox, one env file, a policy that does not wait, brisk intervals; `more` adds sections and replaces them. */
  configuration(more: Data): Data;
  /** What a gateway would tell of requests, of this moment where they say no other; all of it is understood. */
  push(...records: readonly Data[]): Promise<void>;
  close(): Promise<void>;
}

/** Sets the scene. Where that fails half-way, what had been opened is closed. */
export async function openScene(runtime: Runtime, options: SceneOptions = {}): Promise<Scene> {
  const ends: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    return { ...(await setUp(runtime, options, ends)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function setUp(runtime: Runtime, { plan = 'pro', dataDir = 'embedded', env = {} }: SceneOptions, ends: (() => unknown)[]): Promise<Omit<Scene, 'close'>> {
  const running = await runtime.start();
  ends.push(() => running.stop());
  const slack = await startSlackCatcher();
  ends.push(() => slack.stop());
  const { dataDir: _own, ...services } = running;
  const home = openHome(dataDir === 'all' || dataDir === runtime.name ? running : services, { ...TOKENS, ...env });
  ends.push(() => home.remove());
  const sandbox = await startSandbox(home.directory, '--plan', plan);
  ends.push(() => sandbox.ended('SIGTERM'));
  const port = await freePort();
  const api = `http://127.0.0.1:${port}`;
  return {
    running, sandbox, slack, api,
    home: {
      ...home,
      async up(how) {
        const worker = await home.up(how);
        ends.push(() => worker.ended('SIGKILL'));
        return worker;
      },
    },
    slackChannel: { type: 'slack', token: '${env:SLACK_BOT_TOKEN}', channel: '#ops', slackApiUrl: slack.url },
    listen: { port, token: '${env:KEYTURN_API_TOKEN}' },
    configuration: (more) => ({
      version: 1,
      issuers: { hypermemory: issuerAt(sandbox, { plan }) },
      stores: { 'app-env': { type: 'env-file', path: './app.env', createIfMissing: true } },
      policies: { monthly: QUICK },
      worker: { intervals: BRISK },
      security: { rootKey: `\${env:${ROOT_KEY_VARIABLE}}` },
      ...more,
    }),
    push: (...records) => push(api, records),
  };
}

async function push(api: string, records: readonly Data[]): Promise<void> {
  const answer = await fetch(`${api}/v1/usage/gateway`, { method: 'POST', headers: { authorization: `Bearer ${PUSH_TOKEN}` }, body: records.map((record) => JSON.stringify({ at: new Date().toISOString(), ...record })).join('\n') });
  expect(await answer.json()).toMatchObject({ records: records.length, malformed: 0 });
}
