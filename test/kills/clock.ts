/** The ledger's clock, moved behind the workers' backs: in a quick run, half minutes need not be waited out. */
import { join } from 'node:path';
import { openEmbedded } from '../../src/ledger/embedded.ts';
import { postgresPool } from '../../src/ledger/postgres.ts';
import { advanceClock } from '../support/clock.ts';
import type { Stage } from './stage.ts';

/** No worker may be at work meanwhile; on the embedded runtime none may even run. */
export async function moveClock(stage: Stage, ms: number): Promise<void> {
  if (stage.postgres !== null) {
    const pool = postgresPool(stage.postgres.url, 1);
    try {
      await advanceClock(pool, ms);
    } finally {
      await pool.end();
    }
    return;
  }
  for (const { dataDir } of stage.seats) {
    const { pool, close } = await openEmbedded(join(dataDir, 'ledger'));
    try {
      await advanceClock(pool, ms);
    } finally {
      await close();
    }
  }
}
