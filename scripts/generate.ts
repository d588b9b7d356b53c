/**
 * Writes the files that are generated from code; with `--check` only tells which ones differ, and then exits with 1.
 * To add one, add it to FILES.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { renderApiDocs } from './generate/api-docs.ts';
import { renderCliDocs } from './generate/cli-docs.ts';
import { renderConfigDocs } from './generate/config-docs.ts';
import { renderErrorDocs } from './generate/error-docs.ts';
import { renderJsonSchema } from './generate/json-schema.ts';
import { renderRulesDocs } from './generate/rules-docs.ts';
import { renderArchitecture, renderTransitionsDoc } from './transition-diagram.ts';

interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  /** The whole content; `current` is what the file holds now (null when there is none), for files generated in part. */
  render(current: string | null): string;
}

const FILES: readonly GeneratedFile[] = [
  { path: 'config/keyturn.schema.json', render: renderJsonSchema },
  { path: 'docs/api.md', render: renderApiDocs },
  { path: 'docs/cli.md', render: renderCliDocs },
  { path: 'docs/config.md', render: renderConfigDocs },
  { path: 'docs/errors.md', render: renderErrorDocs },
  { path: 'docs/rules.md', render: renderRulesDocs },
  { path: 'docs/transitions.md', render: renderTransitionsDoc },
  { path: 'docs/architecture.md', render: renderArchitecture },
];

const ROOT = join(import.meta.dirname, '..');

async function main(check: boolean): Promise<void> {
  const stale: string[] = [];
  for (const file of FILES) {
    const path = join(ROOT, file.path);
    const current = await readFile(path, 'utf8').catch(() => null);
    const content = file.render(current);
    if (current === content) continue;
    stale.push(file.path);
    if (check) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  if (stale.length === 0) return console.log(`${FILES.length} generated files are up to date`);
  console.log(stale.map((path) => `${check ? 'differs' : 'written'}: ${path}`).join('\n'));
  if (!check) return;
  console.error('Run `npm run generate` and commit what it writes.');
  process.exitCode = 1;
}

await main(process.argv.includes('--check'));
