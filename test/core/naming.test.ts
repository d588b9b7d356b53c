import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptName, conventionProblem, MAX_KEY_NAME, parseAttemptName } from '../../src/core/naming.ts';

const ROTATION = '01JZX7Q2M4T8Y6W3V5B1N9K0ED';

describe('the name of an attempt', () => {
  it('reads as the credential’s name, then whose it is, then which attempt', () => {
    expect(attemptName('prod-api-server', 'k7f3ab', ROTATION, 1)).toMatch(/^prod-api-server-kt-k7f3ab-[0-9a-z]{10}$/);
  });

  it('is the same for the same attempt and another for any other', () => {
    const names = [1, 2, 3].flatMap((n) => ['a', 'b'].map((r) => attemptName('prod-api', 'k7f3ab', ROTATION + r, n)));
    expect(new Set(names).size).toBe(6);
    expect(attemptName('prod-api', 'k7f3ab', ROTATION, 1)).toBe(attemptName('prod-api', 'k7f3ab', ROTATION, 1));
  });

  it('is never shared among ten thousand attempts', () => {
    const names = Array.from({ length: 10_000 }, (_, n) => attemptName('prod-api', 'k7f3ab', ROTATION, n));
    expect(new Set(names).size).toBe(10_000);
  });

  it('fits into 64 characters and gives its parts back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,80}[a-z0-9]$/), fc.stringMatching(/^[a-z0-9]{6,8}$/), fc.nat(), (base, installation, n) => {
        const name = attemptName(base, installation, ROTATION, n);
        expect(name.length).toBeLessThanOrEqual(MAX_KEY_NAME);
        const parts = parseAttemptName(name);
        expect(parts?.installation).toBe(installation);
        expect(base.startsWith(parts?.base ?? 'nothing')).toBe(true);
        if (base.length <= 40) expect(parts?.base).toBe(base);
      }),
    );
  });

  it('is recognised as nobody else’s name', () => {
    for (const name of ['prod-api-server', 'prod-kt-api', 'kt-k7f3ab-9x2m4q1c7d', 'prod-api-kt-k7f3ab-short', '']) expect(parseAttemptName(name)).toBeNull();
  });
});

describe('the documented conventions', () => {
  it.each(['prod-api-server', 'backend-ci-testing', '2026-03-agent-v2', '2026-03-31-agent', 'staging-web'])('%s keeps one', (name) => {
    expect(conventionProblem(name)).toBeNull();
    expect(conventionProblem(attemptName(name, 'k7f3ab', ROTATION, 1))).toBeNull();
  });

  it.each([
    ['test', /single word/],
    ['My Key', /single word/],
    ['Prod-API', /lower-case/],
    ['prod--api', /lower-case/],
    ['2026-13-agent', /no date/],
    ['12-agent', /no date/],
    ['2026-02-40-agent', /no date/],
    ['2026-03', /without a name/],
    ['2026-03-01', /without a name/],
    ['', /empty/],
  ])('"%s" keeps none', (name, why) => {
    expect(conventionProblem(name)).toMatch(why);
  });
});
