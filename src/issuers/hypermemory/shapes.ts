/** The service's JSON, after field mapping, as zod shapes. Messages name fields, never values. */
import { z } from 'zod';
import type { IssuedKey } from '../../ports/issuer.ts';
import { child } from './json.ts';
import { environmentOf } from './scopes.ts';
import type { FieldName, Fields } from './settings.ts';

/** What the dashboard shows of a key. */
export const PREFIX_LENGTH = 8;
/** Anything else that a service may call a status counts as live: better one key too many than one forgotten. */
const DEAD = new Set(['revoked', 'disabled', 'deleted', 'expired', 'inactive']);

const identifier = z.union([z.string().min(1), z.number().transform(String)]);
const words = z.string().nullish();
const instant = z
  .union([z.string(), z.number()])
  .transform(toDate)
  .refine((date) => !Number.isNaN(date.getTime()), 'is not an instant')
  .nullish();
const scopes = z.union([z.array(z.string()), z.string().transform((one) => [one])]);

const listed = z.object({
  id: identifier,
  name: words,
  prefix: words,
  scopes: scopes.nullish(),
  createdAt: instant,
  lastUsedAt: instant,
  status: words,
  revokedAt: instant,
  space: words,
});
/** A fresh key without its scopes or value is no use: the engine proves scopes before it trusts the key. */
const minted = listed.extend({ scopes, value: z.string().regex(/^[\x21-\x7e]+$/, 'is not a key') });

export const page = z.object({ items: z.array(z.unknown()), cursor: z.union([z.string(), z.number().transform(String)]).nullish() });

const KEY_FIELDS = ['id', 'name', 'prefix', 'scopes', 'createdAt', 'lastUsedAt', 'status', 'revokedAt', 'space'] as const satisfies readonly FieldName[];

/** Renames the service's fields to ours. */
export function mapped(json: unknown, fields: Fields, names: Readonly<Record<string, FieldName>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(names).map(([ours, field]) => [ours, child(json, fields[field])]));
}

const same = Object.fromEntries(KEY_FIELDS.map((name) => [name, name])) as Record<string, FieldName>;

/** ISO text, without a zone taken as UTC; or epoch seconds or milliseconds. */
export function toDate(told: string | number): Date {
  if (typeof told === 'number') return new Date(told < 1e11 ? told * 1000 : told);
  const iso = told.replace(/^(\d{4}-\d\d-\d\d) /, '$1T');
  return new Date(!iso.includes('T') || /[zZ]$|[+-]\d\d:?\d\d$/.test(iso) ? iso : `${iso}Z`);
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export function parseListed(json: unknown, fields: Fields): Parsed<IssuedKey> {
  return outcome(listed.safeParse(mapped(json, fields, same)), fields, (key) => issued(key, key.prefix ?? ''));
}

export function parseMinted(json: unknown, fields: Fields): Parsed<{ readonly key: IssuedKey; readonly value: string }> {
  return outcome(minted.safeParse(mapped(json, fields, { ...same, value: 'value' })), fields, (key) => ({
    key: { ...issued(key, key.prefix ?? key.value.slice(0, PREFIX_LENGTH)), environment: environmentOf(key.value) },
    value: key.value,
  }));
}

export function parsePage(json: unknown, fields: Fields, names: { items: FieldName; cursor: FieldName }): Parsed<z.output<typeof page>> {
  return outcome(page.safeParse(mapped(json, fields, names)), { ...fields, ...aliases(fields, names) }, (value) => value);
}

function aliases(fields: Fields, names: Readonly<Record<string, FieldName>>): Record<string, string> {
  return Object.fromEntries(Object.entries(names).map(([ours, field]) => [ours, fields[field]]));
}

function issued(key: z.output<typeof listed>, prefix: string): IssuedKey {
  return {
    id: key.id,
    name: key.name ?? '',
    prefix,
    scopes: key.scopes ?? [],
    createdAt: key.createdAt ?? null,
    lastUsedAt: key.lastUsedAt ?? null,
    live: (key.revokedAt ?? null) === null && !DEAD.has((key.status ?? '').toLowerCase()),
    space: key.space ?? null,
    environment: environmentOf(prefix),
  };
}

function outcome<T, U>(parsed: z.ZodSafeParseResult<T>, fields: Readonly<Record<string, string>>, make: (value: T) => U): Parsed<U> {
  if (parsed.success) return { ok: true, value: make(parsed.data) };
  const wrong = parsed.error.issues.map((issue) => {
    const ours = String(issue.path[0] ?? '');
    return `field "${fields[ours] ?? ours}": ${issue.message}`;
  });
  return { ok: false, why: wrong.join('; ') };
}
