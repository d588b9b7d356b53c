/** Listening: a Unix socket that only its owner may use, or TCP. */
import { lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, type AddressInfo, type Server } from 'node:net';
import { dirname } from 'node:path';
import { KeyturnError } from '../core/errors.ts';

/** What a Unix socket's address can hold on Linux and macOS, bytes. */
const LONGEST_SOCKET_PATH = 103;
const OWNER_ONLY = 0o177;
/** How long a process that holds the socket may take to accept, milliseconds. */
const PROBE_MS = 1_000;

/**
 * Listens on `path`, mode 0600 from its first moment. A socket whose process is dead is replaced.
 * Throws ADDRESS_IN_USE when another process answers there, CONFIG_INVALID when the path cannot be a socket.
 */
export async function listenOnSocket(server: Server, path: string): Promise<string> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    throw new KeyturnError('CONFIG_INVALID', `The socket path ${path} is longer than the ${LONGEST_SOCKET_PATH} bytes an operating system allows.`, { todo: 'Set a shorter one, for example /run/keyturn/keyturn.sock.', effect: 'none' });
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => { throw unusable(path, error); });
  try {
    await bindSocket(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw unusable(path, error);
    await removeStale(path);
    await bindSocket(server, path).catch((again: unknown) => { throw codeOf(again) === 'EADDRINUSE' ? taken(path) : unusable(path, again); });
  }
  return path;
}

/** Listens on TCP and gives the address. Throws ADDRESS_IN_USE. */
export async function listenOnTcp(server: Server, host: string, port: number): Promise<string> {
  try {
    await listening(server, () => server.listen({ host, port }));
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') {
      throw new KeyturnError('ADDRESS_IN_USE', `Port ${port} of ${host} is taken by another process.`, { todo: 'Stop it, or set another port for the control API.', cause: error, effect: 'none' });
    }
    throw new KeyturnError('CONFIG_INVALID', `The control API cannot listen on ${host} port ${port} (${codeOf(error)}).`, { todo: 'Set an address of this machine and a port that this user may use.', cause: error, effect: 'none' });
  }
  const address = server.address() as AddressInfo;
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

/** The bind happens inside `listen`, synchronously: the umask holds for exactly that call, so no chmod comes too late. */
function bindSocket(server: Server, path: string): Promise<void> {
  return listening(server, () => {
    const before = process.umask(OWNER_ONLY);
    try {
      server.listen({ path });
    } finally {
      process.umask(before);
    }
  });
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.off('error', settle).off('listening', settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    server.once('error', settle).once('listening', settle);
    start();
  });
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found !== null && !found.isSocket()) {
    throw new KeyturnError('ADDRESS_IN_USE', `${path} exists and is no socket.`, { todo: 'Move it away, or set another socket path.', effect: 'none' });
  }
  if (await answers(path)) throw taken(path);
  await unlink(path).catch((error: unknown) => { if (codeOf(error) !== 'ENOENT') throw unusable(path, error); });
}

/** Only a refused connection proves that nobody listens; a process too busy to accept is alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: PROBE_MS });
    const settle = (alive: boolean): void => { socket.destroy(); resolve(alive); };
    socket.once('connect', () => settle(true)).once('timeout', () => settle(true));
    socket.once('error', (error) => settle(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'));
  });
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown');

function taken(path: string): KeyturnError {
  return new KeyturnError('ADDRESS_IN_USE', `Another worker answers on ${path}.`, { todo: 'Use that one, stop it first, or set another data directory or socket path.', effect: 'none' });
}

function unusable(path: string, error: unknown): KeyturnError {
  return new KeyturnError('CONFIG_INVALID', `The control API cannot listen on ${path} (${codeOf(error)}).`, { todo: 'Set a socket path in a directory that this user may write.', cause: error, effect: 'none' });
}
