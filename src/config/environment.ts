/** The process's environment, typed. src/config is its only reader. */
import { userInfo } from 'node:os';
import { Secret } from '../core/secret.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export interface Environment {
  /** `DATABASE_URL`: PostgreSQL; the embedded ledger without it. */
  readonly databaseUrl: Secret | null;
  /** `REDIS_URL`: the queue's Redis. */
  readonly redisUrl: Secret | null;
  /** `KEYTURN_CONFIG`: path of the configuration file. */
  readonly configPath: string | null;
  /** `KEYTURN_DATA_DIR`: overrides `worker.dataDir`. */
  readonly dataDir: string | null;
  /** `KEYTURN_SOCKET` and `KEYTURN_URL`: where the CLI finds the control API; `KEYTURN_TOKEN`: what it shows there. */
  readonly apiSocket: string | null;
  readonly apiUrl: string | null;
  readonly apiToken: Secret | null;
  /** Who runs this process, for the audit log. */
  readonly user: string;
  /** `NO_COLOR` is set. */
  readonly noColor: boolean;
}

/** Empty variables count as unset. */
export function readEnvironment(env: Env = process.env): Environment {
  const text = (name: string): string | null => (env[name] === undefined || env[name] === '' ? null : env[name]);
  const secret = (name: string): Secret | null => {
    const value = text(name);
    return value === null ? null : new Secret(value);
  };
  return {
    databaseUrl: secret('DATABASE_URL'),
    redisUrl: secret('REDIS_URL'),
    configPath: text('KEYTURN_CONFIG'),
    dataDir: text('KEYTURN_DATA_DIR'),
    apiSocket: text('KEYTURN_SOCKET'),
    apiUrl: text('KEYTURN_URL'),
    apiToken: secret('KEYTURN_TOKEN'),
    user: text('SUDO_USER') ?? text('USER') ?? text('LOGNAME') ?? accountName(),
    noColor: text('NO_COLOR') !== null,
  };
}

const PROXY_VARIABLES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'] as const;

/** The proxy settings of the environment, for clients that do not read them; undefined without any. */
export function proxyEnvironment(env: Env = process.env): Readonly<Record<string, string>> | undefined {
  const set = PROXY_VARIABLES.flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]] as const]));
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // containers may run under a user id that has no name
  }
}
