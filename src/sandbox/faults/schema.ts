import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { SandboxError } from '../errors.ts';

const LONGEST_MS = 3_600_000;
const ms = z.number().int().min(0).max(LONGEST_MS);
const status = z.number().int().min(200).max(599);
/** Whether the request's effect lands although its answer is replaced. */
const applied = z.boolean().optional();

const effect = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status,
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    /** Seconds, or a date as HTTP writes it. */
    retryAfter: z.union([z.number().min(0), z.string()]).optional(),
    applied,
  }),
  z.strictObject({ kind: z.literal('html'), status: status.optional(), applied }),
  z.strictObject({ kind: z.literal('delay'), ms, when: z.enum(['before', 'after']).optional() }),
  z.strictObject({ kind: z.literal('drop-before') }),
  z.strictObject({ kind: z.literal('drop-after') }),
  z.strictObject({ kind: z.literal('late-effect'), ms }),
  z.strictObject({ kind: z.literal('half-body') }),
  z.strictObject({ kind: z.literal('hide-created'), ms }),
  z.strictObject({ kind: z.literal('activation-delay'), ms }),
]);

export const faultRuleSchema = z.strictObject({
  /** For people, and for the hit counts of `GET /__sandbox/faults`. */
  name: z.string().optional(),
  match: z
    .strictObject({
      /** One or several HTTP methods, any case. */
      method: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
      /** Without `*`: this path and everything beneath it. With: `*` is within a segment, `**` crosses them. */
      path: z.string().startsWith('/').optional(),
      /** The name of the key that calls; `*` matches anything. */
      keyName: z.string().optional(),
      /** The name of the key that the request would create; `*` matches anything. */
      createdName: z.string().optional(),
    })
    .optional(),
  /** Let so many matching requests pass first. */
  after: z.number().int().min(0).optional(),
  /** Then strike at most so often. */
  times: z.number().int().min(1).optional(),
  /** Then strike with this probability, from a generator seeded with `seed`. */
  probability: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  effect,
});

const faultRulesSchema = z.array(faultRuleSchema);

export type FaultRule = z.input<typeof faultRuleSchema>;
export type FaultEffect = FaultRule['effect'];

/** Checks rules. Throws a `SandboxError` (`FAULTS_INVALID`) that names every mistake and its place. */
export function parseFaults(input: unknown, source = 'the fault rules'): FaultRule[] {
  const result = faultRulesSchema.safeParse(input);
  if (result.success) return result.data;
  const mistakes = result.error.issues.map((issue) => `${placeOf(issue.path)}: ${issue.message}`);
  throw new SandboxError('FAULTS_INVALID', `No fault is set, because ${source} are wrong:\n  ${mistakes.join('\n  ')}\nCorrect them; docs/sandbox.md lists every kind.`);
}

/** Reads rules from a YAML or JSON file. Throws a `SandboxError` (`FAULTS_INVALID`). */
export function loadFaults(file: string): FaultRule[] {
  let input: unknown;
  try {
    input = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    throw new SandboxError('FAULTS_INVALID', `The faults file ${file} cannot be read: ${why}. Give a YAML or JSON list of rules.`, { cause: error });
  }
  return parseFaults(input, `the rules in ${file}`);
}

function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((place, part) => (typeof part === 'number' ? `${place}[${part}]` : `${place}.${String(part)}`), 'rules');
}
