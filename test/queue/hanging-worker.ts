/** A worker that takes one job and never ends it; it says so once it has. */
import { LANES, type Lane } from '../../src/ports/queue.ts';
import { openOn } from '../support/open.ts';

const [dataDir = '', databaseUrl = '', redisUrl = ''] = process.argv.slice(2);
const { queue } = await openOn({ dataDir, databaseUrl, ...(redisUrl === '' ? {} : { redisUrl }) });
const hang = {
  name: 'hang',
  lane: 'rotation' as const,
  everyMs: null,
  run: () => {
    process.stdout.write('running\n');
    return new Promise<void>(() => undefined);
  },
};
await queue.start([hang], { concurrency: Object.fromEntries(LANES.map((lane) => [lane, 1])) as Record<Lane, number> });
await queue.wake('hang', { id: 'left' }, { dedupeKey: 'k' });
