/** The configuration's JSON schema, and questions about it: which fields are marked, which keys are known where. */
import { z } from 'zod';
import { configSchema } from './schema.ts';
import type { FieldMeta } from './schema/leaves.ts';
import type { Path } from './tree.ts';

/** As much of JSON schema as zod makes of this configuration. */
export interface JsonSchema extends FieldMeta {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string | number;
  readonly enum?: readonly (string | number)[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

let made: JsonSchema | undefined;

/** What people may write (before defaults and parsing). */
export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  return made;
}

/** The schemas that a union offers, or the schema itself. */
export function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.oneOf ?? schema.anyOf ?? [schema];
}

/** Paths of all fields with this mark; `*` stands for any name or index. */
export function fieldsMarked<M extends keyof FieldMeta>(mark: M, value: FieldMeta[M]): readonly Path[] {
  return search(configJsonSchema(), [], (schema) => schema[mark] === value);
}

function search(schema: JsonSchema, at: Path, wanted: (schema: JsonSchema) => boolean): Path[] {
  if (wanted(schema)) return [at];
  return branches(schema).flatMap((branch) => childrenOf(branch).flatMap(([key, child]) => search(child, [...at, key], wanted)));
}

function childrenOf(schema: JsonSchema): [string, JsonSchema][] {
  const others = [schema.additionalProperties, schema.items].filter((child) => typeof child === 'object');
  return [...Object.entries(schema.properties ?? {}), ...others.map((child): [string, JsonSchema] => ['*', child])];
}

/** The schema of what is at `path` in `raw`; unions are told apart by their `type`. Undefined where the schema knows nothing. */
export function schemaAt(path: Path, raw: unknown): JsonSchema | undefined {
  let schema: JsonSchema | undefined = chosen(configJsonSchema(), raw);
  let value = raw;
  for (const step of path) {
    value = child(value, step);
    const children = new Map(schema === undefined ? [] : childrenOf(schema));
    const next = children.get(String(step)) ?? children.get('*');
    schema = next === undefined ? undefined : chosen(next, value);
  }
  return schema;
}

function chosen(schema: JsonSchema, value: unknown): JsonSchema | undefined {
  const options = branches(schema);
  if (options.length === 1) return options[0];
  return options.find((option) => option.properties?.['type']?.const === child(value, 'type')) ?? schema;
}

function child(value: unknown, step: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[step] : undefined;
}
