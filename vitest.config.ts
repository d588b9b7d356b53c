import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Minutes a runtime: `npm run test:long` runs them.
    exclude: process.env['KEYTURN_LONG_TESTS'] === '1' ? [] : ['test/rotation/restored-backup.test.ts'],
    globalSetup: ['test/support/run-directory.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
