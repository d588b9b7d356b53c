/** Deciding on a response by the link of a message. Looking changes nothing, however often; a decision is taken once. */
import { describeError } from '../core/errors.ts';
import type { ApprovalTokens } from '../core/approval.ts';
import { minutes } from '../core/duration.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { Response } from '../ports/response-ledger.ts';
import { byHand, decisionPage, LONGEST_NAME, toldPage } from './approval-page.ts';
import type { Context } from './context.ts';
import { decideOn, standingOf } from './response-views.ts';

export interface ApprovalRequest {
  readonly token: string;
  /** `look`: the page was opened. */
  readonly wants: 'look' | 'approve' | 'decline';
  /** Who they say they are. */
  readonly name: string;
}

export interface ApprovalAnswer {
  readonly status: number;
  readonly html: string;
}

export type AnswerApproval = (request: ApprovalRequest) => Promise<ApprovalAnswer>;

type Approving = Pick<Context, 'responses' | 'ledger' | 'queue' | 'engine'>;

/** Requests a minute: of one link, and of all that no key of ours has signed, which never reach the ledger and take no room from the others. */
const A_LINK = 60;
const ALL_FORGED = 600;

export function createApprovals(context: Approving, tokens: ApprovalTokens, now: () => number = () => performance.now()): AnswerApproval {
  const forged = createMeter(ALL_FORGED, now);
  const genuine = createMeter(A_LINK, now);
  return async (request) => {
    const read = tokens.read(request.token);
    if (read === null) return forged.takes('forged') ? NO_LINK : TOO_MANY;
    if (!genuine.takes(read.response)) return TOO_MANY;
    try {
      return await answer(context, request, read);
    } catch (error) {
      context.engine.log.error({ response: read.response, error: describeError(error) }, 'a decision by link could not be taken; it may be repeated');
      return AWAY;
    }
  };
}

async function answer(context: Approving, { wants, name }: ApprovalRequest, { response: id, expiresAt }: { readonly response: string; readonly expiresAt: Date }): Promise<ApprovalAnswer> {
  const response = await context.responses.response(id);
  if (response === null) return NO_LINK;
  const [key, now] = await Promise.all([context.ledger.key(response.keyId), context.ledger.now()]);
  const late = expiresAt <= now || response.state === 'expired';
  if (wants === 'look' || late || key === null) return looked(response, key, expiresAt, late);
  const who = nameOf(name);
  if (who === '') return response.state === 'waiting' ? { status: 400, html: decisionPage(response, key, expiresAt, true) } : looked(response, key, expiresAt, late);
  const actor: Actor = { who: `link:${who}`, why: 'by the link of a message' };
  const decision = wants === 'approve' ? 'accepted' : 'declined';
  const decided = await decideOn(context, response, key, decision, actor);
  if (decided === null) return NO_LINK;
  switch (decided.outcome) {
    case 'decided':
      context.engine.log.warn({ response: id, credential: response.credential, by: actor.who, decision }, 'a response was decided on by link');
      return taken(response, decision);
    case 'expired':
      return expired(response, key);
    case 'dead':
      return moot(decided.response);
    case 'over':
      if (decided.response.state === 'moot') return moot(decided.response);
      // The answer was lost, and they sent it again.
      return decided.response.decidedBy?.who === actor.who && isOf(decided.response, decision) ? taken(response, decision) : used(decided.response, key);
  }
}

function isOf({ state }: Response, decision: 'accepted' | 'declined'): boolean {
  return decision === 'declined' ? state === 'declined' : state === 'accepted' || state === 'done';
}

/** What a person says that their name is: one line, bounded. */
function nameOf(written: string): string {
  return written.replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim().slice(0, LONGEST_NAME).replace(/[\uD800-\uDBFF]$/, '');
}

function looked(response: Response, key: KeyRecord | null, expiresAt: Date, late: boolean): ApprovalAnswer {
  if (response.state === 'waiting' && late) return expired(response, key);
  if (response.state === 'expired') return expired(response, key);
  if (response.state === 'moot') return moot(response);
  if (response.state !== 'waiting') return used(response, key);
  if (key === null || key.state === 'revoked' || key.state === 'lost') return moot(response);
  return { status: 200, html: decisionPage(response, key, expiresAt, false) };
}

function taken({ credential }: Response, decision: 'accepted' | 'declined'): ApprovalAnswer {
  const html = decision === 'accepted'
    ? toldPage({ look: 'good', title: `${credential}: its key is being revoked`, happened: 'Your approval was recorded. The key is revoked at once, and what follows is told where you got the link.', means: 'You can close this page.', todo: [`Follow it: \`keyturn rotations --credential ${credential}\`.`] })
    : toldPage({ look: 'calm', title: `${credential}: its key stays alive`, happened: 'Your decision was recorded. Nothing is revoked, and nobody is asked again about this incident.', means: 'You can close this page.' });
  return { status: 200, html };
}

function expired(response: Response, key: KeyRecord | null): ApprovalAnswer {
  return { status: 410, html: toldPage({ look: 'bad', title: 'This request has expired', happened: `Nobody decided in time whether the key of ${response.credential} is revoked. Nothing was revoked.`, means: 'The link works no more. Whoever uses the key can go on.', todo: byHand(response, key) }) };
}

function used(response: Response, key: KeyRecord | null): ApprovalAnswer {
  const alive = response.state === 'declined' || response.state === 'withheld';
  return { status: 409, html: toldPage({ look: 'calm', title: 'This was decided already', happened: `The request about the key of ${response.credential} ${standingOf(response)}.`, means: 'A link can be used once.', ...(alive ? { todo: byHand(response, key) } : {}) }) };
}

function moot({ credential, message }: Response): ApprovalAnswer {
  return { status: 412, html: toldPage({ look: 'calm', title: 'Nothing is left to decide', happened: `${message ?? 'The key is dead already.'} This link changed nothing.`, means: `See how ${credential} stands: \`keyturn status\`.` }) };
}

const NO_LINK: ApprovalAnswer = { status: 404, html: toldPage({ look: 'bad', title: 'No such link', happened: 'This is no link of this Keyturn, or not all of it.', means: 'Nothing was changed.', todo: ['Open the link from the message itself: mail readers break long ones.', 'Or decide at a terminal: `keyturn responses`.'] }) };
const TOO_MANY: ApprovalAnswer = { status: 429, html: toldPage({ look: 'bad', title: 'Too many requests', happened: 'This link is being asked for too often.', means: 'Nothing was changed.', todo: ['Try again in a minute, or decide at a terminal: `keyturn responses`.'] }) };
const AWAY: ApprovalAnswer = { status: 503, html: toldPage({ look: 'bad', title: 'Keyturn cannot answer now', happened: 'The ledger could not be asked. Your decision may or may not have been recorded.', means: 'To send it again does no harm: a decision is taken once.', todo: ['Try again in a minute, with the same name.', 'If the key must die now: `keyturn revoke`, or `keyturn revoke --direct` while Keyturn is down.'] }) };

interface Meter {
  takes(what: string): boolean;
}

/** Counts by whole minutes; forgets all when a minute is over, so that it stays small. */
function createMeter(most: number, now: () => number): Meter {
  let [minute, counts] = [0, new Map<string, number>()];
  return {
    takes(what) {
      const at = Math.floor(now() / minutes(1));
      if (at !== minute) [minute, counts] = [at, new Map()];
      const count = (counts.get(what) ?? 0) + 1;
      counts.set(what, count);
      return count <= most;
    },
  };
}
