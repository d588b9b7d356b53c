/** Which worker a command line points at. Cheap: the whole configuration is read only by `validate` and `up`. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Place } from '../api/client.ts';
import type { Env } from '../config/environment.ts';
import { KeyturnError } from '../core/errors.ts';

/** What the command line and the environment say of it. */
export interface Pointers {
  readonly configPath: string;
  readonly socket: string | null;
  readonly url: string | null;
  /** Name of the variable that holds the token for `url`. */
  readonly tokenEnv: string;
  readonly env: Env;
}

const DEFAULT_DATA_DIR = '.keyturn';
const SOCKET_NAME = 'keyturn.sock';

/** Throws USAGE or REFERENCE_UNRESOLVED where the pointers contradict or lack something. */
export async function locate(pointers: Pointers): Promise<Place> {
  if (pointers.socket !== null && pointers.url !== null) {
    throw new KeyturnError('USAGE', 'A worker listens on a socket or at a URL: both --socket and --url are given.', { todo: 'Leave one out (the environment may set KEYTURN_SOCKET or KEYTURN_URL).' });
  }
  if (pointers.url !== null) return overTcp(pointers.url, pointers);
  return { socketPath: pointers.socket ?? (await socketOf(pointers.configPath, pointers.env)) };
}

async function overTcp(text: string, pointers: Pointers): Promise<Place> {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new KeyturnError('USAGE', 'The worker\'s URL is not of the form http(s)://host:port.', { todo: `Give it plainly; the token comes from $${pointers.tokenEnv}.` });
  }
  const token = pointers.env[pointers.tokenEnv];
  if (token === undefined || token === '') {
    throw new KeyturnError('REFERENCE_UNRESOLVED', `A worker at a URL wants its token, and $${pointers.tokenEnv} is not set.`, { todo: 'Set it, or name another variable with --token-env.' });
  }
  const { Secret } = await import('../core/secret.ts');
  return { url: url.href.replace(/\/$/, ''), token: new Secret(token) };
}

/** The socket that a worker of this configuration listens on; the default one where there is no configuration. */
async function socketOf(configPath: string, env: Env): Promise<string> {
  const base = dirname(resolve(configPath));
  const text = await readFile(configPath, 'utf8').catch(() => '');
  const { placesIn } = await import('./places.ts');
  const said = await placesIn(text);
  const expand = (path: string): string => path.replace(/\$\{env:([^}]+)\}/g, (_, name: string) => env[name] ?? '');
  if (said.socket !== undefined) return resolve(base, expand(said.socket));
  const fromEnv = env['KEYTURN_DATA_DIR'];
  const dataDir = fromEnv !== undefined && fromEnv !== '' ? resolve(fromEnv) : resolve(base, expand(said.dataDir ?? DEFAULT_DATA_DIR));
  return join(dataDir, SOCKET_NAME);
}
