import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCredentials } from '../../src/config/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import { branches, configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts';
import { renderConfigDocs } from '../../scripts/generate/config-docs.ts';
import { renderErrorDocs } from '../../scripts/generate/error-docs.ts';
import { renderRulesDocs } from '../../scripts/generate/rules-docs.ts';
import { renderJsonSchema } from '../../scripts/generate/json-schema.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const file = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

function undescribed(schema: JsonSchema, path: string): string[] {
  return branches(schema).flatMap((branch) => [
    ...Object.entries(branch.properties ?? {}).flatMap(([key, field]) => [...(field.description === undefined ? [`${path}${key}`] : []), ...undescribed(field, `${path}${key}.`)]),
    ...[branch.items, branch.additionalProperties].flatMap((inner) => (typeof inner === 'object' ? undescribed(inner, `${path}*.`) : [])),
  ]);
}

describe('generated files', () => {
  it('are what the code says; run `npm run generate` when this fails', async () => {
    expect(await file('config/keyturn.schema.json')).toBe(renderJsonSchema());
    expect(await file('docs/config.md')).toBe(renderConfigDocs());
    expect(await file('docs/errors.md')).toBe(renderErrorDocs());
    expect(await file('docs/rules.md')).toBe(renderRulesDocs(await file('docs/rules.md')));
  });

  it('describe every field', () => {
    expect(undescribed(configJsonSchema(), '')).toEqual([]);
  });

  it('list every error code', () => {
    for (const code of Object.keys(ERROR_CODES)) expect(renderErrorDocs()).toContain(`| \`${code}\` |`);
  });
});

describe('the configurations that come along', () => {
  it('the AWS example is right, without warnings', async () => {
    const { config, warnings } = await loadConfig(join(ROOT, 'config/keyturn.example.yaml'), { env: {} });
    expect(warnings).toEqual([]);
    expect(planCredentials(config).map(({ plan }) => plan.credential)).toEqual(['prod-api-server', 'prod-search-indexer']);
  });

  it('the sandbox one is right, and only has nobody to tell', async () => {
    const { config, warnings } = await loadConfig(join(ROOT, 'config/sandbox.yaml'), { env: {} });
    expect(warnings).toEqual([expect.stringContaining('no channel is declared')]);
    expect(planCredentials(config)[0]?.plan.policy.everyMs).toBe(30_000);
  });
});
