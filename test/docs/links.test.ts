/** What the documentation promises about files: its links lead somewhere, and its configurations are accepted. */
import { globSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();

const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** Targets of links and images within the repository, as written. */
function localLinks(page: string): readonly string[] {
  const targets = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets.filter((target) => !/^[a-z]+:/i.test(target));
}

/** As GitHub makes them from headings. */
function anchors(page: string): readonly string[] {
  const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, '');
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading ?? '');
  return headings.map((heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

function broken(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), decodeURIComponent(path)));
  if (file.startsWith('..') || !existsSync(join(ROOT, file))) return true;
  return anchor !== undefined && !(file.endsWith('.md') && anchors(file).includes(anchor));
}

test('there are pages to look at, and links in them', () => {
  expect(PAGES).toContain('README.md');
  expect(PAGES).toContain('docs/architecture.md');
  expect(PAGES.flatMap(localLinks).length).toBeGreaterThan(50);
});

test.each(PAGES)('every link of %s leads to a file, and to a heading where it names one', (page) => {
  expect(localLinks(page).filter((target) => broken(page, target))).toEqual([]);
});

test('every page of docs is found from its index', () => {
  const linked = new Set(['docs/README.md', 'docs/decisions/README.md'].flatMap((index) => localLinks(index).map((target) => join(dirname(index), target))));
  const lost = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md' && !linked.has(page));
  expect(lost).toEqual([]);
});

describe('configurations marked as such', () => {
  const marked = PAGES.flatMap((page) =>
    [...read(page).matchAll(/<!-- configuration -->\n```yaml\n([\s\S]*?)^```/gm)].map(([, text], n) => [`${page} (${n + 1})`, text ?? ''] as const),
  );

  test('the README has one', () => {
    expect(marked.map(([name]) => name)).toContain('README.md (1)');
  });

  test.each(marked)('%s is accepted, without a warning', (name, text) => {
    expect(parseConfig(name, text, { env: {} }).warnings).toEqual([]);
  });
});
