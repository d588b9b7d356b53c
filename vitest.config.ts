import { defineConfig } from 'vitest/config';

/** The engine on real services in real time, with the pauses that it makes: minutes a file. */
const REAL_TIME = ['trouble', 'emergency', 'drills', 'abort', 'secrecy', 'settle', 'incident-report'].map((name) => `test/rotation/${name}.test.ts`);
const E2E = ['test/e2e/**/*.test.ts', 'test/histories/**/*.test.ts', ...REAL_TIME];
/** Ten minutes a runtime. */
const LONG = ['test/rotation/restored-backup.test.ts'];

/** What one npm script runs; everything but the long ones when none says. */
const SUITES: Readonly<Record<string, { readonly include: readonly string[]; readonly exclude: readonly string[] }>> = {
  '': { include: ['test/**/*.test.ts'], exclude: LONG },
  quick: { include: ['test/**/*.test.ts'], exclude: [...E2E, ...LONG] },
  e2e: { include: E2E, exclude: [] },
  long: { include: LONG, exclude: [] },
};

const suite = SUITES[process.env['KEYTURN_SUITE'] ?? ''];
if (suite === undefined) throw new Error(`KEYTURN_SUITE is one of ${Object.keys(SUITES).filter((name) => name !== '').join(', ')}`);

export default defineConfig({
  test: {
    include: [...suite.include],
    exclude: [...suite.exclude],
    globalSetup: ['test/support/run-directory.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
