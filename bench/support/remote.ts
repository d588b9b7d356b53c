/** Processes that are asked over Node's own channel: what they do is not taken for somebody else's work. */
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { end } from './services.ts';

const ANSWER_WITHIN_MS = 900_000;

interface Question { readonly id: number; readonly method: string; readonly given: readonly unknown[] }
interface Answer { readonly id: number; readonly value?: unknown; readonly error?: string }
interface Event { readonly event: string; readonly value: unknown }

export class Remote {
  readonly #child: ChildProcess;
  readonly #events = new EventEmitter();
  #asked = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#events.setMaxListeners(0);
    child.on('message', (message) => {
      const said = message as Answer | Event;
      if ('event' in said) this.#events.emit(said.event, said.value);
      else this.#events.emit(`answer ${said.id}`, said);
    });
    child.once('exit', (code, signal) => this.#events.emit('gone', new Error(`a process of the benchmark ended by itself (${signal ?? code})`)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Throws what the method threw there. */
  async call<T>(method: string, ...given: readonly unknown[]): Promise<T> {
    const id = (this.#asked += 1);
    const answer = this.next<Answer>(`answer ${id}`, ANSWER_WITHIN_MS);
    this.#child.send({ id, method, given } satisfies Question);
    const { value, error } = await answer;
    if (error !== undefined) throw new Error(error);
    return value as T;
  }

  /** Answers how to listen no more. */
  on(event: string, listener: (value: unknown) => void): () => void {
    this.#events.on(event, listener);
    return () => void this.#events.off(event, listener);
  }

  /** The next event of this name. Throws when the process ends before. */
  async next<T>(event: string, withinMs: number): Promise<T> {
    const settled = new AbortController();
    const signal = AbortSignal.any([AbortSignal.timeout(withinMs), settled.signal]);
    const gone = once(this.#events, 'gone', { signal }).then(([error]) => { throw error as Error; });
    gone.catch(() => undefined);
    try {
      const [value] = (await Promise.race([once(this.#events, event, { signal }), gone])) as [T];
      return value;
    } catch (error) {
      throw signal.aborted ? new Error(`no ${event} within ${withinMs / 1_000} s`, { cause: error }) : error;
    } finally {
      settled.abort();
    }
  }

  async stop(): Promise<void> {
    await end(this.#child);
  }
}

/** Starts a file of bench/support with an argument, and waits until it serves. */
export async function startRemote(file: string, argument: unknown, nodeOptions: readonly string[] = []): Promise<Remote> {
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(argument)], { execArgv: [...nodeOptions] });
  const remote = new Remote(child);
  try {
    await remote.next('ready', ANSWER_WITHIN_MS);
  } catch (error) {
    await end(child);
    throw error;
  }
  return remote;
}

/** The argument of this process, as `startRemote` was given it. */
export function argument(): unknown {
  return JSON.parse(process.argv[2] ?? 'null');
}

export function tell(event: string, value: unknown): void {
  process.send?.({ event, value } satisfies Event);
}

/** Answers questions until the process that asks is gone or ends this one; `close` then has its say. */
export function serve(methods: Readonly<Record<string, (...given: never[]) => unknown>>, close: () => Promise<void>): void {
  process.on('message', (message) => void answer(message as Question));
  const stop = (): void => void close().catch(() => undefined).then(() => process.exit(0));
  process.once('disconnect', stop).once('SIGTERM', stop);
  process.on('error', () => undefined); // an answer that nobody waits for any more
  tell('ready', null);

  async function answer({ id, method, given }: Question): Promise<void> {
    try {
      const value: unknown = await methods[method]?.(...(given as never[]));
      process.send?.({ id, value } satisfies Answer);
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) } satisfies Answer);
    }
  }
}
