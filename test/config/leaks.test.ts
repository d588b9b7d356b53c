import { expect, test } from 'vitest';
import { leakDefinitions } from '../../src/config/plan.ts';
import { LEAK_SOURCES, open } from '../../src/app/registry.ts';
import { Secret } from '../../src/core/secret.ts';
import { GOOD, load, problems } from './support.ts';

const LEAKS = `${GOOD}leaks:
  sources:
    github: { type: github, secret: "\${env:HOOK}", token: "\${env:TOKEN}" }
    partner: { type: github-partner }
    gitguardian: { type: gitguardian, secret: "\${env:GG}" }
    scanner: { type: signed, secret: "\${env:SCAN}", tolerance: 1m }
    trufflehog: { type: trufflehog }
`;

test('leak sources are opened by their definitions; those that carry values revoke unless told otherwise', async () => {
  const { config, warnings } = load(LEAKS);
  const definitions = leakDefinitions(config);
  expect(definitions.map(({ name, options }) => [name, options['respond'], options['maxBody']])).toEqual([['github', 'revoke', 1_048_576], ['partner', 'revoke', 8_388_608], ['gitguardian', 'tell', 1_048_576], ['scanner', 'revoke', 8_388_608], ['trufflehog', 'revoke', 8_388_608]]);
  expect(definitions[3]?.options).toMatchObject({ toleranceMs: 60_000 });
  const opened = definitions.map((definition) => open(LEAK_SOURCES, definition, async () => new Secret('resolved-secret')));
  for (const source of opened) expect(await source.probe(AbortSignal.timeout(1_000))).toMatch(/^takes /);
  expect(warnings.filter((line) => line.includes('is reached by nobody')).length).toBe(config.api.listen === undefined ? 4 : 0);
});

const wrong = (part: string, by: string): string => problems(LEAKS.replace(part, () => by)).join('\n');

test('what no leak source can be is said', () => {
  expect(wrong('token: "${env:TOKEN}"', 'token: "${env:TOKEN}", baseUrl: "http://github.example.com/api/v3"')).toContain('unencrypted');
  expect(wrong('type: github-partner', 'type: github-partner, keysUrl: "http://keys.example.com/"')).toContain('would then be believed');
  expect(wrong('secret: "${env:GG}"', 'secret: plain-text-secret')).toContain('secrets do not belong in this file');
  expect(wrong('tolerance: 1m', 'tolerance: 2h')).toContain('is too long');
  expect(wrong('type: trufflehog', 'type: trufflehog, maxBody: 99999999')).toContain('is too large');
  expect(wrong('type: trufflehog', 'type: trufflehog, respond: maybe')).toContain('respond');
});
