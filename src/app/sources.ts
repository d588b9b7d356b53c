/** Usage sources by name, as configured today. */
import { issuerDefinitions, resolveSecret, usageDefinitions, type Settings } from '../config/index.ts';
import type { PluginDefinition } from '../core/plan.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { UsageSource } from '../ports/usage-source.ts';
import { open, SOURCES } from './registry.ts';

export interface Sources {
  /** Those that are read; what is pushed is not among them. */
  names(): readonly string[];
  /** Throws CONFIG_INVALID for one that can't be opened, UNKNOWN_NAME for one that is no more. */
  of(name: string): UsageSource;
  close(): Promise<void>;
}

export interface SourceParts {
  readonly config: () => Settings;
  readonly issuer: (definition: PluginDefinition) => Issuer;
  readonly fingerprint: (value: string) => string;
}

export function createSources({ config, issuer, fingerprint }: SourceParts): Sources {
  const opened = new Map<string, UsageSource>();
  const issuerNamed = (name: string): Issuer => {
    const definition = issuerDefinitions(config()).find((one) => one.name === name);
    if (definition === undefined) throw new KeyturnError('UNKNOWN_NAME', `No issuer is called ${name}.`, { effect: 'none' });
    return issuer(definition);
  };
  return {
    names: () => usageDefinitions(config()).map(({ name }) => name),
    of(name) {
      const definition = usageDefinitions(config()).find((one) => one.name === name);
      if (definition === undefined) throw new KeyturnError('UNKNOWN_NAME', `No usage source is called ${name}.`, { effect: 'none' });
      // With the issuer's own definition: it may change while that of the source stays.
      const key = JSON.stringify([definition, issuerDefinitions(config())]);
      const known = opened.get(key) ?? open(SOURCES, definition, resolveSecret, { issuer: issuerNamed, fingerprint });
      opened.set(key, known);
      return known;
    },
    async close() {
      await Promise.allSettled([...opened.values()].map(async (source) => await source.close?.()));
    },
  };
}
