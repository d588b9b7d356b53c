/** Leak sources by name, as configured today. */
import { LARGEST_LEAK_BODY, leakDefinitions, resolveSecret, type Settings } from '../config/index.ts';
import type { LeakResponse } from '../core/leak.ts';
import type { LeakSource } from '../ports/leak-source.ts';
import { LEAK_SOURCES, open } from './registry.ts';

export { LARGEST_LEAK_BODY };

export interface ConfiguredLeakSource {
  readonly source: LeakSource;
  readonly respond: LeakResponse;
  /** Bytes. */
  readonly maxBody: number;
}

export interface LeakSources {
  names(): readonly string[];
  /** Null for one that is not configured. Throws CONFIG_INVALID for one that can't be opened. */
  of(name: string): ConfiguredLeakSource | null;
}

export function createLeakSources(config: () => Pick<Settings, 'leaks'>): LeakSources {
  const opened = new Map<string, LeakSource>();
  return {
    names: () => leakDefinitions(config()).map(({ name }) => name),
    of(name) {
      const definition = leakDefinitions(config()).find((one) => one.name === name);
      if (definition === undefined) return null;
      const key = JSON.stringify(definition);
      const source = opened.get(key) ?? open(LEAK_SOURCES, definition, resolveSecret);
      opened.set(key, source);
      const { respond, maxBody } = definition.options as unknown as Pick<ConfiguredLeakSource, 'respond' | 'maxBody'>;
      return { source, respond, maxBody };
    },
  };
}
