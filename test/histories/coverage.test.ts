/** That no open state, path, release or recorded secret is forgotten. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TRANSITIONS } from '../../src/core/transitions/index.ts';
import { isTerminal, PATHS, ROTATION_STATES, type Path, type RotationState } from '../../src/core/vocabulary.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import { CASES, UNREACHABLE } from './cases.ts';
import { HISTORIES, readHistory, recordedSchemas } from './fixture.ts';
import { RELEASES } from './releases.ts';

const pair = ({ state, path }: { readonly state: RotationState; readonly path: Path }): string => `${state} on ${path}`;

/** As the table says by itself: every state that rows of this path lead to. */
function reachable(path: Path): readonly RotationState[] {
  const seen = new Set<RotationState>(['requested']);
  for (const state of seen) {
    const rows = TRANSITIONS.filter((row) => row.from === state && (row.paths === undefined || row.paths.includes(path)));
    for (const { does } of rows) if ('go' in does) seen.add(does.go);
  }
  return [...seen].filter((state) => !isTerminal(state));
}

const OPEN = PATHS.flatMap((path) => reachable(path).map((state) => pair({ state, path })));

test('the newest history holds every open state on every path where it can occur', () => {
  const newest = readHistory(recordedSchemas().at(-1) ?? '');
  const unreachable = new Set(UNREACHABLE.map(pair));
  expect([...new Set(newest.cases.map(pair))].sort()).toEqual(OPEN.filter((one) => !unreachable.has(one)).sort());
  expect(new Set(newest.cases.map(({ state }) => state))).toEqual(new Set(ROTATION_STATES.filter((state) => !isTerminal(state))));
  expect(newest.cases.map(({ name }) => name)).toEqual(CASES.map(({ name }) => name));
});

test('what is called unreachable is not, but for the reason given, and no case contradicts it', () => {
  const cases = new Set(CASES.map(pair));
  for (const one of UNREACHABLE) expect([pair(one), cases.has(pair(one))]).toEqual([pair(one), false]);
});

test('every release has its history, and every history its migration', () => {
  const { version } = JSON.parse(readFileSync(join(HISTORIES, '../../package.json'), 'utf8')) as { version: string };
  expect(Object.keys(RELEASES)).toContain(version);
  expect([...new Set(Object.values(RELEASES))].filter((schema) => !recordedSchemas().includes(schema))).toEqual([]);
  expect(recordedSchemas().filter((schema) => !(schema in MIGRATIONS))).toEqual([]);
});

test.each(recordedSchemas())('%s holds rows in every table, and neither a value of a key nor an instant or address of its recording', (schema) => {
  const text = readFileSync(join(HISTORIES, schema, 'history.json'), 'utf8');
  expect(Object.entries(readHistory(schema).rows).filter(([, rows]) => rows.length === 0)).toEqual([]);
  expect(text).not.toMatch(/hm_(live|test)_[A-Za-z0-9]/);
  expect(text).not.toMatch(/127\.0\.0\.1:|\/tmp\/|20\d\d-\d\d-\d\dT/);
  expect(text.match(/@value:k\d+/g)?.length).toBeGreaterThan(50);
});
