/** What the documentation repeats from the code by hand must still be so. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { renderArchitecture, renderArchitectureDiagram, renderTransitionsDoc } from '../../scripts/transition-diagram.ts';
import { ERROR_CODES, EXIT } from '../../src/core/errors.ts';
import { TRANSITIONS } from '../../src/core/transitions/index.ts';
import { ROTATION_STATES } from '../../src/core/vocabulary.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('the diagram has an edge for each change of state, its states are the vocabulary\'s, and no label breaks mermaid', () => {
  const diagram = renderArchitectureDiagram();
  for (const row of TRANSITIONS) {
    if ('go' in row.does) expect(diagram).toMatch(new RegExp(`^  ${row.from} --> ${row.does.go}: .*\\b${row.reason}\\b`, 'm'));
  }
  const edges = diagram.split('\n').slice(2, -1);
  for (const edge of edges) expect(edge).toMatch(/^ {2}(\[\*\]|[a-z_]+) --> (\[\*\]|[a-z_]+)(: [a-z_ ,()]+)?$/);
  const drawn = new Set(edges.flatMap((edge) => edge.trim().split(':')[0]?.split(' --> ') ?? []));
  expect([...drawn].filter((state) => state !== '[*]').sort()).toEqual([...ROTATION_STATES].sort());
});

test('the page of transitions has every row', () => {
  const lines = renderTransitionsDoc().split('\n').filter((line) => line.startsWith('| `'));
  expect(lines).toHaveLength(TRANSITIONS.length);
});

test('architecture and transitions are as generated', () => {
  expect(renderArchitecture(read('docs/architecture.md'))).toBe(read('docs/architecture.md'));
  expect(renderTransitionsDoc()).toBe(read('docs/transitions.md'));
});

test('a page without the marks is not silently left alone', () => {
  expect(() => renderArchitecture('# Architecture\n')).toThrow('generated: transitions');
});

test('the README lists every exit code', () => {
  const codes = new Set([...Object.values(EXIT), ...Object.values(ERROR_CODES).map(({ exit }) => exit)]);
  for (const code of codes) expect(read('README.md')).toMatch(new RegExp(`^\\| ${code} \\| `, 'm'));
});

test('the IAM policy names exactly the calls that the store makes', () => {
  const commands = [...read('src/stores/aws-secrets-manager/api.ts').matchAll(/new sdk\.([A-Za-z]+)Command\(/g)].map(([, name]) => `secretsmanager:${name}`);
  const [, json = ''] = /```json\n([\s\S]*?)^```/m.exec(read('README.md')) ?? [];
  const policy = JSON.parse(json) as { readonly Statement: readonly { readonly Action: readonly string[] }[] };
  const allowed = policy.Statement.flatMap(({ Action }) => Action).filter((action) => action.startsWith('secretsmanager:'));
  // Tags are part of CreateSecret's request, with a right of their own.
  expect(allowed.sort()).toEqual([...new Set([...commands, 'secretsmanager:TagResource'])].sort());
});

test('every dependency has its row', () => {
  const manifest = JSON.parse(read('package.json')) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).map((name) => (name.startsWith('@types/') ? '@types/*' : name));
  const page = read('docs/dependencies.md').split('## Not taken')[0] ?? '';
  expect([...new Set(names)].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('every folder of src is in the table of arrows', () => {
  const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const [table = ''] = /## Folders and arrows[\s\S]*?(?=^## Three)/m.exec(read('docs/architecture.md')) ?? [];
  expect(folders.filter((name) => !new RegExp(`[\`/]${name}\``).test(table))).toEqual([]);
});
