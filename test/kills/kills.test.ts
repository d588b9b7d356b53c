/** The driver of the real kills, on each runtime in small: workers are killed, all else goes wrong twice, and nothing is broken. */
import { describe, expect, test } from 'vitest';
import type { RuntimeName } from './config.ts';
import { DISTURBANCES } from './chaos.ts';
import { runOne } from './drive.ts';
import { missingFor } from './servers.ts';

const RUNTIMES: readonly RuntimeName[] = ['embedded', 'postgres', 'redis'];
const KILLS = 6;
const TWICE = 2;

function cannotRun(runtime: RuntimeName): boolean {
  const missing = missingFor(runtime);
  if (missing === null) return false;
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`REQUIRE_SERVICES=1, but ${missing}`);
  process.stderr.write(`skipped: real kills on ${runtime}: ${missing}\n`);
  return true;
}

describe.each(RUNTIMES)('workers on %s', (runtime) => {
  test.skipIf(cannotRun(runtime))('are killed, frozen and starved, and every promise is kept', async () => {
    const report = await runOne({ runtime, kills: KILLS, seed: 1, others: TWICE, quick: true, say: () => undefined });
    expect(report.promisesBroken, `kept in ${report.kept}`).toEqual([]);
    expect(report).toMatchObject({ kills: KILLS, keysLive: report.credentials, others: Object.fromEntries(DISTURBANCES.filter(({ on }) => on.includes(runtime)).map(({ kind }) => [kind, TWICE])) });
    expect(report.rotations['done']).toBeGreaterThan(report.credentials);
  }, 1_200_000);
});
