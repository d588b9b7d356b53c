/** The schedule is made to stand still, so that what comes next is all that happens. */
import { CREDENTIAL } from './config-text.ts';
import { ends, ROTATION_MS, SOON_MS, type Play } from './play.ts';

const EVERYTHING = { scope: 'all', name: null } as const;
const WHY = 'release freeze';

/** Nothing is rotated by schedule from here on, and no rotation is under way. */
export async function freeze(play: Play): Promise<void> {
  const { stage: { client }, screen, follower, signal } = play;
  const actor = { who: 'demo', why: WHY };
  await client.pause(EVERYTHING, actor);
  while (await isRotating(play)) {
    signal.throwIfAborted();
    // It was asked for a moment too early, and may end first.
    await client.resume(EVERYTHING, actor);
    ends(play, await follower.follow((await follower.next(SOON_MS)).id, ROTATION_MS), 'done');
    await client.pause(EVERYTHING, actor);
  }
  screen.event('note', 'operator', `keyturn pause --all --reason "${WHY}"`);
}

async function isRotating({ stage: { client } }: Play): Promise<boolean> {
  return (await client.status()).credentials.some(({ credential, openRotation }) => credential === CREDENTIAL && openRotation !== null);
}
