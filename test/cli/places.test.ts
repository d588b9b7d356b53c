import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { glance, placesIn } from '../../src/cli/places.ts';
import { TEMPLATE } from '../../src/cli/template.ts';

const byParser = (text: string): object => {
  const tree = parse(text) as { worker?: { dataDir?: unknown }; api?: { socket?: unknown } } | null;
  const places = { dataDir: tree?.worker?.dataDir, socket: tree?.api?.socket };
  return Object.fromEntries(Object.entries(places).filter(([, value]) => typeof value === 'string'));
};

const LINES = [
  'version: 1', 'worker:', 'worker: # here', 'api:', 'stores:', '  env:', 'worker: {}', 'worker: { dataDir: flow }', 'worker: &w', 'api: *w', '"worker":', 'worker : ', '---', '- x',
  '  dataDir: ./data', '  dataDir: /var/lib/keyturn # here', '  dataDir: "quoted path"', "  dataDir: 'it'", '  dataDir: true', '  dataDir: 12', '  dataDir: ~', '  dataDir: null', '  dataDir: NULL', '  dataDir: "two\\nlines"', '  dataDir: word', '  dataDir: word word',
  '    dataDir: ./deeper', '  "dataDir": ./key', '  dataDir: |', '    text', '  text: "begins', '  ends"', '  text: it begins', '  # dataDir: ./comment', '# worker:', '  socket: /run/keyturn.sock', '  socket: ${env:WHERE}/s', '    socket: /deep', '  <<: *w', '<<: *w',
  '  intervals:', '    sweep: 1m', '\tdataDir: ./tab', '', '  shutdown: 30s', 'x-notes: |', '  worker:', '    path: dataDir', '  note: socket', 'note: >', "  it's: so", '  - dataDir: ./list',
];

describe('where the worker lives, as a configuration says it', () => {
  it('is seen without the parser in a file like most', () => {
    expect(glance('version: 1\nworker:\n  dataDir: ./data # here\n\n  shutdown: 10s\napi:\n  socket: "/run/kt.sock"\ncredentials:\n  a:\n    issuer: hm\n')).toEqual({ dataDir: './data', socket: '/run/kt.sock' });
    expect(glance(TEMPLATE)).toEqual({});
  });

  it.each([
    ['flow style', 'worker: { dataDir: ./flow }\n', { dataDir: './flow' }],
    ['an anchor', 'x-base: &base\n  dataDir: ./anchored\nworker:\n  <<: *base\n', {}],
    ['text that goes on', 'worker:\n  dataDir: one\n    two\n', { dataDir: 'one two' }],
  ])('is left to the parser where it is written with %s', async (_what, text, places) => {
    expect(glance(text)).toBeNull();
    expect(await placesIn(text)).toEqual(places);
  });

  it('is the default where the file is broken', async () => {
    expect(await placesIn('worker: { dataDir: [\n')).toEqual({});
  });

  it('never differs from what the parser reads, whatever stands in a file', () => {
    let told = 0;
    fc.assert(fc.property(fc.constantFrom('', 'version: 1', 'worker:', 'api:'), fc.array(fc.constantFrom(...LINES), { maxLength: 6 }), (first, lines) => {
      const text = [first, ...lines].join('\n');
      const seen = glance(text);
      if (seen === null) return;
      let right: object;
      try {
        right = byParser(text);
      } catch {
        return; // a broken file: `validate` says so
      }
      expect(seen, text).toEqual(right);
      told += Object.keys(seen).length;
    }), { numRuns: 20_000 });
    expect(told).toBeGreaterThan(50);
  });
});
