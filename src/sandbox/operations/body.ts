import type { z } from 'zod';
import { invalid, Refusal } from '../answer.ts';

/** Reads a body or a query by a schema; a `Refusal` with 422 and `detail` says what is wrong, without quoting values. */
export function read<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new Refusal(invalid(result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ')));
}

/** An instant as ISO 8601, or null. */
export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
