/** The values that fields hold, each with what it refuses and says. Metadata: see `FieldMeta`. */
import { z } from 'zod';
import type { SecretRef } from '../../core/plan.ts';
import { isZone } from '../../core/zone.ts';
import { formatDuration, parseDuration } from '../duration.ts';

/**
 * What the loader does with a field before it is parsed, kept in the schema and visible in the JSON schema.
 * `x-reference`: `${…}` stays a reference, resolved at time of use; `only` where anything else is refused, `whole` where
 * plain text will do too. `x-path`: relative to the file's directory.
 */
export interface FieldMeta {
  readonly 'x-reference'?: 'only' | 'whole';
  readonly 'x-path'?: true;
  /** What documentation says of a default that is no value to write. */
  readonly 'x-default'?: string;
  /** What documentation calls its type. */
  readonly 'x-kind'?: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const REFERENCE = /^\$\{(env|file):([^}]+)\}$/;
export const REFERENCE_FORM = '${env:NAME} or ${file:/path}';

/** What people name: issuers, stores, credentials. */
export const name = z.string().regex(NAME, 'is no name (expected letters, digits, ".", "_" and "-", at most 64, beginning with a letter or digit)');

export const text = z.string().min(1, 'is empty (expected text)');

/** A boolean, also as the text that a `${env:…}` gives. */
export const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

/** A whole number, also as the text that a `${env:…}` gives. */
export function whole(min: number, max = 1_000_000): z.ZodType<number> {
  const range = `(expected a whole number from ${min} to ${max})`;
  return z.preprocess(numeric, z.int(`is no whole number ${range}`).min(min, `is too small ${range}`).max(max, `is too large ${range}`));
}

function numeric(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** Milliseconds, written as `30s`. Bounds are milliseconds. */
export function duration(min = 0, max = Number.POSITIVE_INFINITY): z.ZodType<number, string> {
  return z.string('is no duration (expected a number with a unit, such as 30s, 24h or 1h30m)').transform((written, context) => {
    const parsed = parseDuration(written);
    const problem = 'problem' in parsed ? `${parsed.problem} (expected such as 500ms, 30s, 24h, 30d or 1h30m)` : outOfBounds(parsed.ms, min, max);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    return 'ms' in parsed ? parsed.ms : 0;
  }).meta({ 'x-kind': 'duration' } satisfies FieldMeta);
}

function outOfBounds(ms: number, min: number, max: number): string | null {
  if (ms < min) return `is too short (expected at least ${formatDuration(min)})`;
  return ms > max ? `is too long (expected at most ${formatDuration(max)})` : null;
}

/**
 * A secret by reference, the whole value. Anything else is refused without being shown: the loader has registered the
 * text as a secret by then.
 */
export const secretRef = z
  .string(`is no reference to a secret (expected ${REFERENCE_FORM})`)
  .transform((written, context): SecretRef => {
    const ref = parseReference(written);
    if (ref !== null) return ref;
    context.addIssue({ code: 'custom', message: `holds a plain value, and secrets do not belong in this file (expected ${REFERENCE_FORM} as the whole value)` });
    return { from: 'env', name: '' };
  })
  .meta({ 'x-reference': 'only' } satisfies FieldMeta);

/** Plain text, or a secret by reference as the whole value: never mixed, since the plain part is kept in the ledger. */
export const textOrSecret = z
  .string('is no text (expected text)')
  .transform((written, context): string | SecretRef => {
    const ref = parseReference(written);
    if (ref !== null || !written.includes('${')) return ref ?? written;
    context.addIssue({ code: 'custom', message: `mixes text and a reference (expected plain text, or ${REFERENCE_FORM} as the whole value: put "Bearer …" into the secret too)` });
    return '';
  })
  .meta({ 'x-reference': 'whole' } satisfies FieldMeta);

export function parseReference(written: string): SecretRef | null {
  const [, from, target] = REFERENCE.exec(written.trim()) ?? [];
  return target !== undefined && (from === 'env' || from === 'file') ? { from, name: target.trim() } : null;
}

export const path = text.meta({ 'x-path': true } satisfies FieldMeta);

/** An http or https address without user and password. */
export const url = z.string().superRefine((written, context) => {
  const problem = urlProblem(written);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
}).meta({ 'x-kind': 'address' } satisfies FieldMeta);

export function urlProblem(written: string): string | null {
  const parsed = URL.parse(written);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return 'is no address (expected http://… or https://…)';
  return parsed.username === '' && parsed.password === '' ? null : 'carries a user or password, and addresses end up in logs (expected an address without them; put secrets into a header)';
}

export const zone = z.string().refine(isZone, 'is no time zone (expected an IANA name such as Europe/Berlin or UTC)').meta({ 'x-kind': 'time zone' } satisfies FieldMeta);

export const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of a variable (expected letters, digits and "_", not beginning with a digit)');
