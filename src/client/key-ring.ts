import { inspect } from 'node:util';
import { looksUnauthorized, responseAttempt, sdkAttempt, type Attempt } from './attempt.ts';
import { CurrentKeys, type Choice } from './current-keys.ts';
import { envFileSource, type EnvFileOptions } from './env-file-source.ts';
import { tell, type KeyRingListener } from './events.ts';
import type { KeyNames } from './names.ts';
import { Refresher } from './refresher.ts';
import { isRefusal, prepare, reachOf, type FetchFunction, type Reach } from './request.ts';
import { secretsManagerSource, type SecretsManagerKeyOptions } from './secrets-manager-source.ts';
import { KeyRingError, type KeySource, type ProblemCode } from './source.ts';
import { envSource, valueSource, type KeyGetter, type ValueOptions } from './value-source.ts';
import { untilAborted } from './waiting.ts';

/** What every ring takes, whatever its source. */
export interface KeyRingOptions {
  /** What relative URLs are resolved against, and an origin the key may go to; `https://api.hypermemory.io` unless said. */
  readonly baseUrl?: string;
  /** Further origins that the key may go to. To any other, `fetch` refuses to send anything. */
  readonly allowedOrigins?: readonly string[];
  /** Told of refreshes, fallbacks and problems; never of a key. */
  readonly onEvent?: KeyRingListener;
  /** The longest that one read of the source may take; milliseconds, 5000 unless said. */
  readonly readTimeoutMs?: number;
  /** How often a primary that was refused gets another chance while the backup serves; milliseconds, 60000 unless said. */
  readonly primaryRetryMs?: number;
  /** Used in place of the global `fetch`, for proxies and private CAs. Must follow the Fetch standard (redirects drop Authorization). */
  readonly fetch?: FetchFunction;
}

/** How a ring fares, for health pages and logs. Holds no key. */
export interface KeyRingStatus {
  readonly source: string;
  /** Which key calls begin with; null while there is none. */
  readonly using: 'primary' | 'backup' | null;
  readonly hasBackup: boolean;
  readonly version: string | null;
  readonly problem: { readonly code: ProblemCode; readonly message: string } | null;
}

export interface WithKeyOptions {
  /** Ends the waiting for keys; hand it to your SDK too. */
  readonly signal?: AbortSignal;
  /** Whether an error means that the key was refused; without it, a status of 401 in the usual places. */
  readonly isUnauthorized?: (error: unknown) => boolean;
}

/**
 * The API keys of an application, kept fresh while they are rotated: the current key, a fallback to the backup, and one
 * retry with the other or newer key on a 401. It cannot print its keys. Make one for each API and keep it.
 */
export class KeyRing {
  readonly #source: KeySource;
  readonly #keys: CurrentKeys;
  readonly #refresher: Refresher;
  readonly #reach: Reach;
  readonly #options: KeyRingOptions;
  /** The state of the keys whose fallback was told. */
  #announced = -1;

  private constructor(source: KeySource, options: KeyRingOptions) {
    this.#reach = reachOf(options.baseUrl, options.allowedOrigins);
    this.#source = source;
    this.#options = options;
    this.#keys = new CurrentKeys(options.primaryRetryMs ?? 60_000, () => performance.now());
    this.#refresher = new Refresher({
      source,
      keys: this.#keys,
      readTimeoutMs: options.readTimeoutMs ?? 5000,
      tell: (event) => tell(options.onEvent, event),
    });
  }

  /** A ring on a source of your own. */
  static from(source: KeySource, options: KeyRingOptions = {}): KeyRing {
    return new KeyRing(source, options);
  }

  /** A ring on an env file, which may be rewritten or replaced at any time. */
  static fromEnvFile(path: string, options: EnvFileOptions & KeyRingOptions = {}): KeyRing {
    return new KeyRing(envFileSource(path, options), options);
  }

  /** A ring on AWS Secrets Manager: AWSCURRENT, with AWSPREVIOUS as the backup. */
  static fromSecretsManager(options: SecretsManagerKeyOptions & KeyRingOptions): KeyRing {
    return new KeyRing(secretsManagerSource(options), options);
  }

  /** A ring on environment variables (pass `process.env`): a primary and a backup, but nothing that changes by itself. */
  static fromEnv(env: Readonly<Record<string, string | undefined>>, options: KeyNames & KeyRingOptions = {}): KeyRing {
    return new KeyRing(envSource(env, options), options);
  }

  /** A ring on a function that gives the keys as they are now. */
  static fromValues(getter: KeyGetter, options: ValueOptions & KeyRingOptions = {}): KeyRing {
    return new KeyRing(valueSource(getter, options), options);
  }

  /** Waits for the first keys, so that a start can fail early. Throws `KeyRingError` (`no-key`) when there are none to be had. */
  async ready(signal?: AbortSignal): Promise<void> {
    await this.#firstChoice(signal, false);
  }

  /**
   * `fetch` with `Authorization: Bearer <key>` set (replacing any). On a 401 the source is read again and the request is
   * sent once more with the other or newer key, unless its body is a stream, which cannot be sent twice. Nothing else is
   * retried. May be handed to an SDK as its `fetch`. Throws what `fetch` throws, and `KeyRingError`: `no-key`,
   * `origin-refused`, `closed`.
   */
  readonly fetch: FetchFunction = async (input, init) => {
    const request = prepare(input, init, this.#reach, this.#options.fetch ?? globalThis.fetch);
    return this.#withRetry(request.signal, request.replayable, async ({ key }, last) => {
      const response = await request.send(key, last);
      return responseAttempt(response, isRefusal(response, request.origin));
    });
  };

  /**
   * Runs `use` with the current key, and once more with the other or newer key when it throws an error of status 401.
   * Don't keep the key, and mind that an SDK's errors may hold the headers it sent. Throws what `use` throws, and
   * `KeyRingError`: `no-key`, `closed`.
   */
  async withKey<T>(use: (key: string) => Promise<T>, options: WithKeyOptions = {}): Promise<T> {
    const isUnauthorized = options.isUnauthorized ?? looksUnauthorized;
    return this.#withRetry(options.signal, true, ({ key }) => sdkAttempt(async () => use(key.reveal()), isUnauthorized));
  }

  /** Reads the source now, for applications that hear of a rotation (a reload hook, SIGHUP). Problems go to `onEvent` and `status`. */
  async refresh(): Promise<void> {
    await this.#refresher.refresh();
  }

  status(): KeyRingStatus {
    const { pair, onBackup } = this.#keys;
    const { problem, version } = this.#refresher;
    const using = onBackup ? 'backup' : 'primary';
    return {
      source: this.#source.name,
      using: pair === null ? null : using,
      hasBackup: pair?.backup != null,
      version,
      problem: problem === null ? null : { code: problem.code, message: problem.message },
    };
  }

  /** Stops watching the source. Calls under way end with the keys there are; new ones throw `KeyRingError` (`closed`). */
  close(): void {
    this.#refresher.close();
  }

  toJSON(): KeyRingStatus {
    return this.status();
  }

  [inspect.custom](): string {
    return `KeyRing <${this.#source.name}>`;
  }

  async #withRetry<T>(signal: AbortSignal | undefined, replayable: boolean, call: (choice: Choice, last: boolean) => Promise<Attempt<T>>): Promise<T> {
    const first = await this.#firstChoice(signal, replayable);
    const attempt = await call(first, !replayable);
    this.#note(first, attempt);
    if (!attempt.refused) return attempt.give();
    const other = await this.#choiceAfterRefusal(first, signal).catch(async (error: unknown) => {
      await attempt.discard();
      throw error;
    });
    if (other === null || !replayable) return attempt.give();
    await attempt.discard();
    const retry = await call(other, true);
    this.#note(other, retry);
    if (!retry.refused && this.#keys.onBackup) this.#announceFallback();
    return retry.give();
  }

  async #firstChoice(signal: AbortSignal | undefined, replayable: boolean): Promise<Choice> {
    if (this.#refresher.closed) throw new KeyRingError('closed', 'This KeyRing was closed, so nothing was sent. Close it only when the application ends.');
    if (this.#keys.pair === null) await untilAborted(this.#refresher.load(), signal);
    const choice = this.#keys.first(replayable);
    if (choice !== null) return choice;
    const why = this.#refresher.problem?.message ?? `The ${this.#source.name} was not read yet.`;
    throw new KeyRingError('no-key', `There is no key to send, so nothing was sent. ${why}`);
  }

  async #choiceAfterRefusal(refused: Choice, signal: AbortSignal | undefined): Promise<Choice | null> {
    await untilAborted(this.#refresher.afterRefusal(refused), signal);
    return this.#keys.other(refused.key);
  }

  #note({ key }: Choice, attempt: Attempt<unknown>): void {
    if (attempt.refused) this.#keys.refused(key);
    if (attempt.accepted) this.#keys.worked(key);
    if (!this.#keys.onBackup) this.#announced = -1;
  }

  /** Told once, however many calls fall back together. */
  #announceFallback(): void {
    if (this.#announced === this.#keys.generation) return;
    this.#announced = this.#keys.generation;
    tell(this.#options.onEvent, { type: 'fell-back', source: this.#source.name });
  }
}
