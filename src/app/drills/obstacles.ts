/** What stands in the way of a drill, before anything is made. */
import { describeError } from '../../core/errors.ts';
import type { IssuerAccount } from '../../ports/issuer.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import { pauseFor } from '../../rotation/gather/gate.ts';
import type { Context } from '../context.ts';

export interface Obstacle {
  /** A sentence. */
  readonly why: string;
  readonly todo: string;
  /** What a scheduled drill does: it `waits`, as do all at that issuer, for what goes by itself; is left out, of which nobody needs to hear (`skips`); or people are told. */
  readonly scheduled: 'waits' | 'skips' | 'tells';
  readonly code: 'PAUSED' | 'BLOCKED';
}

/** Of which a drill takes one, or two for a moment where an answer is lost; and the last is never a drill's. */
const FREE_SLOTS = 2;
const LOOK_MS = 20_000;

type Looking = Pick<Context, 'ledger' | 'drills' | 'engine'>;

/** What the ledger knows first; only where nothing stands there is the issuer asked. */
export async function obstacles(context: Looking, record: CredentialRecord): Promise<readonly Obstacle[]> {
  const known = await ofLedger(context, record);
  return known.length > 0 ? known : await ofIssuer(context, record);
}

async function ofLedger({ ledger, drills }: Looking, { name, issuer }: CredentialRecord): Promise<readonly Obstacle[]> {
  const [pauses, [retired], emergency, running] = await Promise.all([ledger.pauses(), ledger.retired([name]), drills.emergencyAt(issuer), drills.drills({ open: true }, { limit: 1_000 })]);
  const pause = pauseFor(pauses, name, issuer);
  const other = running.find((drill) => drill.issuer === issuer);
  const found: (Obstacle | null)[] = [
    pause === null ? null : { why: `${name} is paused by ${pause.actor.who}: ${pause.actor.why}.`, todo: 'Lift the pause with `keyturn resume`; `keyturn status` shows it.', scheduled: 'skips', code: 'PAUSED' },
    retired === undefined ? null : { why: `${name} is retired since ${retired.since.toISOString()} (${retired.actor.why}).`, todo: `Bring it back first: \`keyturn rotate ${name}\`.`, scheduled: 'skips', code: 'BLOCKED' },
    emergency === null ? null : { why: `An emergency of ${emergency} is open at ${issuer}, and it comes first.`, todo: 'Try again once it is over; `keyturn incidents` shows it.', scheduled: 'waits', code: 'BLOCKED' },
    other === undefined ? null : { why: `Drill ${other.id} of ${other.credential} is under way at ${issuer}, and there is one at a time.`, todo: `Follow it: \`keyturn drills show ${other.id}\`.`, scheduled: 'waits', code: 'BLOCKED' },
  ];
  return found.filter((one) => one !== null);
}

async function ofIssuer({ engine }: Looking, { name, issuer, plan }: CredentialRecord): Promise<readonly Obstacle[]> {
  try {
    const opened = (await engine.plugins(plan)).issuer;
    if (!opened.capabilities.list) return [{ why: `${issuer} cannot list its keys, so a throw-away key that is lost in a crash could never be found again.`, todo: 'Drill by hand.', scheduled: 'tells', code: 'BLOCKED' }];
    const account = await opened.inspect(AbortSignal.timeout(LOOK_MS));
    return [...account.problems.map((why): Obstacle => ({ why, todo: 'See `keyturn doctor`.', scheduled: 'tells', code: 'BLOCKED' })), ...ofRoom(name, issuer, account)];
  } catch (error) {
    return [{ why: `${issuer} cannot be asked: ${describeError(error)}`, todo: 'See `keyturn doctor`.', scheduled: 'waits', code: 'BLOCKED' }];
  }
}

function ofRoom(name: string, issuer: string, { keyLimit, liveKeys, raiseLimit }: IssuerAccount): readonly Obstacle[] {
  if (keyLimit === null || keyLimit - liveKeys >= FREE_SLOTS) return [];
  const todo = `${raiseLimit ?? 'Raise the limit'}, or revoke keys that nobody needs; nothing is deleted to make room.`;
  if (keyLimit === 1) return [{ why: `${issuer} allows one live key, so there is no room for a throw-away key beside that of ${name}.`, todo, scheduled: 'tells', code: 'BLOCKED' }];
  return [{ why: `${issuer} allows ${keyLimit} live keys and has ${liveKeys}; a drill wants ${FREE_SLOTS} free, so that it never takes the last one from a rotation or an emergency.`, todo, scheduled: 'tells', code: 'BLOCKED' }];
}
