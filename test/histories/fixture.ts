/** What a fixture is made of, and its placeholders: no value, address or instant of the recording stays in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Path, RotationState } from '../../src/core/vocabulary.ts';

export const HISTORIES = import.meta.dirname;

export interface RecordedCase {
  readonly name: string;
  readonly path: Path;
  readonly state: RotationState;
  readonly reason: string;
  readonly ends: 'done' | 'aborted' | 'rolled_back';
}

export interface OutsideKey {
  /** Stands for its id, value and fingerprint in rows and files: `@id:k3`, `@value:k3`, `@print:k3`. */
  readonly label: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly live: boolean;
}

export interface OutsideFile {
  /** Below the directory of the applications. */
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

export interface History {
  /** Name of the last migration. */
  readonly schema: string;
  readonly cases: readonly RecordedCase[];
  /** As the worker had it, YAML. */
  readonly config: string;
  readonly keys: readonly OutsideKey[];
  readonly files: readonly OutsideFile[];
  /** Rows by table, as PostgreSQL's to_jsonb gives them. */
  readonly rows: Readonly<Record<string, readonly Row[]>>;
}

export type Row = Readonly<Record<string, unknown>>;

/** The recorded schema versions, oldest first: the folders beside this file. */
export function recordedSchemas(): readonly string[] {
  return readdirSync(HISTORIES, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
}

export function readHistory(schema: string): History {
  return JSON.parse(readFileSync(join(HISTORIES, schema, 'history.json'), 'utf8')) as History;
}

const SAME_PLAN = '@plan';

/** A rotation's plan that is its credential's is written once. */
export function withoutPlans(rows: History['rows']): History['rows'] {
  const plans = plansOf(rows);
  return { ...rows, rotations: (rows['rotations'] ?? []).map((row) => (JSON.stringify(row['plan']) === JSON.stringify(plans.get(row['credential'])) ? { ...row, plan: SAME_PLAN } : row)) };
}

export function withPlans(rows: History['rows']): History['rows'] {
  const plans = plansOf(rows);
  return { ...rows, rotations: (rows['rotations'] ?? []).map((row) => (row['plan'] === SAME_PLAN ? { ...row, plan: plans.get(row['credential']) } : row)) };
}

function plansOf(rows: History['rows']): ReadonlyMap<unknown, unknown> {
  return new Map((rows['credentials'] ?? []).map((row) => [row['name'], row['plan']]));
}

const list = (items: readonly unknown[]): string => (items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`);

/** One line a row, so that a difference can be read. */
export function historyText(history: History): string {
  const rows = Object.entries(history.rows).map(([table, of]) => `  ${JSON.stringify(table)}: ${list(of)}`);
  return `{
  "schema": ${JSON.stringify(history.schema)},
  "cases": ${list(history.cases)},
  "config": ${JSON.stringify(history.config)},
  "keys": ${list(history.keys)},
  "files": ${list(history.files)},
  "rows": {
${rows.join(',\n')}
  }
}
`;
}

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)/g;

/** Instants become milliseconds from that of the recording. */
export function relativeInstants(text: string, recordedAt: Date): string {
  return text.replaceAll(INSTANT, (instant) => `@at:${Date.parse(instant) - recordedAt.getTime()}`);
}

export function instantsFrom(text: string, now: Date): string {
  return text.replaceAll(/@at:(-?\d+)/g, (_all, ms: string) => new Date(now.getTime() + Number(ms)).toISOString());
}

/** Replaces each text by its placeholder, longer ones first; or the other way round. */
export function replaceEach(text: string, pairs: readonly (readonly [what: string, by: string])[]): string {
  return pairs.toSorted(([a], [b]) => b.length - a.length).reduce((done, [what, by]) => done.replaceAll(what, () => by), text);
}
