/** Reading what was typed. */
import { KeyturnError } from '../core/errors.ts';
import type { Given } from './command.ts';

/** Those of the named options that were given, for a filter. */
export function filterOf<Name extends string>(given: Given, names: readonly Name[]): { readonly [K in Name]?: string } {
  const found = names.map((name) => [name, given.text(name)] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as { readonly [K in Name]?: string };
}

/** A whole number between 1 and `max`. Throws USAGE. */
export function countOf(given: Given, option: string, fallback: number, max: number): number {
  const text = given.text(option);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw new KeyturnError('USAGE', `--${option} takes a whole number from 1 to ${max}.`, { todo: `For example --${option} ${fallback}.` });
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

interface Bounds {
  /** As people write them. */
  readonly least: string;
  readonly most?: string;
}

/** A duration such as `90s`, `10m`, `2h`, in milliseconds; undefined when not given. Throws USAGE. */
export function durationOf(given: Given, option: string, bounds?: Bounds): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const value = millisecondsOf(text);
  if (value === null) throw new KeyturnError('USAGE', `--${option} takes a duration.`, { todo: `For example --${option} 90s, 10m or 2h.` });
  if (bounds !== undefined && (value < (millisecondsOf(bounds.least) ?? 0) || value > (millisecondsOf(bounds.most ?? '') ?? Infinity))) {
    throw new KeyturnError('USAGE', `--${option} takes a duration of ${bounds.least} ${bounds.most === undefined ? 'or more' : `to ${bounds.most}`}.`, { todo: `For example --${option} 2h.` });
  }
  return value;
}

function millisecondsOf(text: string): number | null {
  const [, amount, unit] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text) ?? [];
  return amount === undefined || unit === undefined ? null : Number(amount) * (UNIT_MS[unit] ?? 1);
}
