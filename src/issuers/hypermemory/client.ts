import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { RateGate } from './gate.ts';
import { address, type PathName, type Settings } from './settings.ts';
import { ownMark } from './own.ts';
import { exchange, headerSafe, type Answer, type Call } from './transport.ts';

const RETRY_AFTER_MS = 200;

export interface Request {
  readonly method: Call['method'];
  readonly path: PathName;
  readonly keyId?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The key to call with; the admin key when absent. */
  readonly key?: Secret;
  /**
   * Goes out whatever pause was asked for: a revocation may be an emergency, and at worst it is answered 429.
   * Cleaning up after ourselves is likewise not put off.
   */
  readonly urgent?: boolean;
  /** One more try when no whole answer came, or one of trouble. Only for what may happen twice. */
  readonly again?: boolean;
}

/** Calls the service as one issuer: its addresses, admin key, pace and retries. Does not judge answers. */
export class Client {
  readonly settings: Settings;
  readonly #gate: RateGate;

  constructor(settings: Settings) {
    this.settings = settings;
    this.#gate = new RateGate(settings.name);
  }

  /** Bounds a whole call of the port by `signal` and the issuer's time-out. */
  bounded(signal: AbortSignal, ms: number = this.settings.timeoutMs): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  }

  /** One answer, whatever its status. Throws as `exchange` does, ISSUER_RATE_LIMITED from the gate, ISSUER_DENIED for a malformed admin key. */
  async call(request: Request, signal: AbortSignal): Promise<Answer> {
    const first = await this.#once(request, signal).catch((thrown: unknown) => {
      if (request.again !== true || signal.aborted || !isTransient(thrown)) throw thrown;
      return null;
    });
    if (first !== null && !(request.again === true && first.status >= 500)) return first;
    await sleep(RETRY_AFTER_MS, undefined, { signal }).catch(() => undefined);
    return this.#once(request, signal);
  }

  async #once(request: Request, signal: AbortSignal): Promise<Answer> {
    if (request.urgent !== true) await this.#gate.pass(signal);
    const [key, agent] = await this.#identity(request.key);
    const answer = await exchange(
      this.settings.name,
      {
        method: request.method,
        url: address(this.settings, request.path, request),
        key,
        ...(request.body === undefined ? {} : { body: request.body }),
        headers: { ...(agent === '' ? {} : { 'user-agent': agent }), ...request.headers },
      },
      signal,
    );
    this.#gate.note(answer.status, answer.headers, answer.json);
    return answer;
  }

  /** The user agent of Keyturn's own calls; empty where the admin key can't be read. */
  async ownAgent(): Promise<string> {
    return await this.settings.adminKey().then(ownMark, () => '');
  }

  /** The key to call with, and the user agent that says that it is Keyturn. */
  async #identity(key: Secret | undefined): Promise<readonly [Secret, string]> {
    if (key !== undefined) return [key, await this.ownAgent()];
    const adminKey = await this.#adminKey();
    return [adminKey, ownMark(adminKey)];
  }

  async #adminKey(): Promise<Secret> {
    const key = await this.settings.adminKey().catch((thrown: unknown) => {
      // Without a key nothing was sent, which the reference's own error can't know.
      throw new KeyturnError(thrown instanceof KeyturnError ? thrown.code : 'REFERENCE_UNRESOLVED', describeError(thrown), { effect: 'none' });
    });
    if (headerSafe(key)) return key;
    throw new KeyturnError('ISSUER_DENIED', `The admin key of HyperMemory issuer ${this.settings.name} holds blanks or line ends, which no key has.`, {
      todo: 'Put the bare key, nothing else, where the adminKey reference of this issuer points.',
      effect: 'none',
    });
  }
}

function isTransient(thrown: unknown): boolean {
  return thrown instanceof KeyturnError && (thrown.code === 'ISSUER_UNAVAILABLE' || thrown.code === 'ISSUER_BAD_ANSWER');
}
