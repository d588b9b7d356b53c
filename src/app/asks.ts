/** What people ask of one rotation: that it be given up, or try again now. */
import { duration } from '../core/phrases.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { Rotation } from '../ports/ledger.ts';
import type { Context } from './context.ts';
import { keysById } from './keys.ts';
import type { AskedRotation } from './operations.ts';
import { rotationSummary } from './views.ts';

/** Throws UNKNOWN_NAME, USAGE for an ambiguous prefix, ROTATION_ENDED, NO_WAY_BACK. */
export async function abortRotation(context: Context, idOrPrefix: string, actor: Actor): Promise<AskedRotation> {
  const found = await knownRotation(context, idOrPrefix);
  const asked = await context.ledger.askAbort(found.id, actor);
  if (asked === null) throw unknownRotation(idOrPrefix);
  if (asked.outcome === 'ended') throw ended(asked.rotation);
  if (asked.outcome === 'refused') {
    throw new KeyturnError('NO_WAY_BACK', `Rotation ${found.id} of ${found.credential} cannot be aborted. ${asked.why}`, { effect: 'none', todo: `See where it stands with \`keyturn rotations show ${found.id}\`.` });
  }
  await wake(context, asked.rotation);
  return await answer(context, asked.rotation, asked.outcome === 'already', [...wayOf(asked.rotation), await againText(context, asked.rotation)]);
}

/** Throws UNKNOWN_NAME, USAGE for an ambiguous prefix, ROTATION_ENDED. */
export async function resumeRotation(context: Context, idOrPrefix: string, actor: Actor): Promise<AskedRotation> {
  const found = await knownRotation(context, idOrPrefix);
  const asked = await context.ledger.askResume(found.id, actor);
  if (asked === null) throw unknownRotation(idOrPrefix);
  if (asked.outcome === 'ended') throw ended(asked.rotation);
  await wake(context, asked.rotation);
  await context.queue?.wake('revoke-debts', {});
  return await answer(context, asked.rotation, false, ['It looks again now: back-off is over, and what it waits for is asked anew. Nothing else is skipped.']);
}

export async function knownRotation({ ledger }: Context, idOrPrefix: string): Promise<Rotation> {
  const rotation = await ledger.rotation(idOrPrefix);
  if (rotation === null) throw unknownRotation(idOrPrefix);
  return rotation;
}

function unknownRotation(idOrPrefix: string): KeyturnError {
  return new KeyturnError('UNKNOWN_NAME', `There is no rotation ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn rotations`.' });
}

function ended({ id, credential, state, finishedAt }: Rotation): KeyturnError {
  return new KeyturnError('ROTATION_ENDED', `Rotation ${id} of ${credential} ended as ${state}${finishedAt === null ? '' : ` at ${finishedAt.toISOString()}`}; nothing can be asked of it any more.`, {
    effect: 'none', todo: `To rotate anew: \`keyturn rotate ${credential}\`.`,
  });
}

async function wake({ queue }: Context, { id, kind }: Rotation): Promise<void> {
  await queue?.wake(kind === 'emergency' ? 'advance-emergency' : 'advance', { rotation: id });
}

async function answer({ ledger }: Context, rotation: Rotation, already: boolean, next: readonly string[]): Promise<AskedRotation> {
  return { rotation: rotationSummary(rotation, await keysById(ledger, [rotation]), await ledger.now()), already, next };
}

function wayOf({ state, oldKeyId }: Rotation): readonly string[] {
  if (state === 'requested' || state === 'preflight' || state === 'blocked') return ['It ends without having changed anything.'];
  if (['promoting', 'confirmed', 'draining', 'rolling_back'].includes(state)) {
    return ['The old key is published again everywhere; once every store is read back, the new key is revoked.', 'Should the old key turn out to be dead, or its value to be gone from the stores, it goes forward instead and its history says so.'];
  }
  return [`The new key is revoked, no store changes${oldKeyId === null ? '' : ', and the old key stays'}.`];
}

/** The same occurrence is not asked for again at once: people hear when it is. */
async function againText({ ledger }: Context, { credential }: Rotation): Promise<string> {
  const record = await ledger.credential(credential);
  const policy = record?.plan.policy;
  if (record === null || policy === undefined || !record.declared) return `${credential} is not declared any more, so nothing asks for it again.`;
  const byHand = policy.cron === null && policy.everyMs === null;
  if (byHand && record.currentKeyId !== null) return `Policy ${policy.name} rotates only by hand: nothing asks for it again by itself.`;
  return `If ${credential} is due by then, the schedule asks for it again ${duration(policy.deadlines.retryMs)} after this one has ended (deadlines.retry). To hold it back for longer: \`keyturn pause ${credential} --reason …\`.`;
}
