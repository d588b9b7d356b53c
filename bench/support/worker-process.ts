/** A worker in a process of its own. */
import { OWNER } from './ground.ts';
import { argument, serve, tell } from './remote.ts';
import { ACTOR, openWorker, type WorkerArgument } from './worker.ts';

const app = await openWorker(argument() as WorkerArgument, ({ id, credential, state, reason }) => tell('ended', { id, credential, state, reason }));
serve(
  {
    begin: () => app.begin(),
    rotateAll: async () => (await app.operations.rotate({ owner: OWNER }, ACTOR)).length,
    /** Jobs that wait or run. */
    busy: async () => (await app.queue.counts()).reduce((sum, lane) => sum + lane.waiting + lane.active, 0),
  },
  () => app.close(5_000),
);
