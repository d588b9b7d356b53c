import { KeySourceError, type KeyReading } from './source.ts';

/** The variables that hold the keys; HyperMemory's own names unless said. */
export interface KeyNames {
  /** `HYPERMEMORY_API_KEY` unless said. */
  readonly primary?: string;
  /** `HYPERMEMORY_API_KEY_BACKUP` unless said. */
  readonly backup?: string;
}

/** The keys among named values. Throws `KeySourceError` (`no-key`) when the primary's variable is missing or empty. */
export function readingFrom(valueOf: (name: string) => string | undefined, names: KeyNames, source: string): KeyReading {
  const variable = names.primary ?? 'HYPERMEMORY_API_KEY';
  const primary = valueOf(variable);
  if (primary === undefined || primary === '') {
    throw new KeySourceError('no-key', `The ${source} has no readable value for ${variable}. Keys read earlier stay in use; set it, and see that its quotes are closed.`);
  }
  return { primary, backup: valueOf(names.backup ?? 'HYPERMEMORY_API_KEY_BACKUP') };
}
