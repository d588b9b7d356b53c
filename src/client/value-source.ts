import { readingFrom, type KeyNames } from './names.ts';
import type { KeyReading, KeySource, ReadRequest } from './source.ts';

/** Gives the keys as they are now, from wherever the application keeps them. Throw `KeySourceError` for messages people may see. */
export type KeyGetter = (request: ReadRequest) => KeyReading | Promise<KeyReading>;

export interface ValueOptions {
  /** How often the getter is asked again; milliseconds. Without it: only after a 401. */
  readonly refreshMs?: number;
  /** The shortest time between two questions that 401s cause; milliseconds, 1000 unless said. */
  readonly minRefreshMs?: number;
  /** What messages call this source; `key getter` unless said. */
  readonly name?: string;
}

/** Keys from environment variables as they were given to the process. */
export function envSource(env: Readonly<Record<string, string | undefined>>, names: KeyNames): KeySource {
  const name = 'environment';
  return { name, read: async () => readingFrom((variable) => env[variable], names, name) };
}

/** Keys from a function. */
export function valueSource(getter: KeyGetter, options: ValueOptions): KeySource {
  const { refreshMs } = options;
  return {
    name: options.name ?? 'key getter',
    minRefreshMs: options.minRefreshMs ?? 1000,
    read: async (request) => getter(request),
    ...(refreshMs === undefined ? {} : { watch: (changed: () => void) => every(refreshMs, changed) }),
  };
}

/** Calls `tick` again and again without keeping the process alive; the function returned stops it. */
export function every(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms).unref();
  return () => clearInterval(timer);
}
