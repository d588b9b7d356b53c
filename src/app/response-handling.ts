/** Carrying responses out: intent, effect and outcome are written in that order, as for reported leaks, so that whoever dies in between leaves nothing half done or done twice. */
import { decidedNotice, expiredNotice } from '../alerts/response-notices.ts';
import { minutes, seconds } from '../core/duration.ts';
import { describeError, isLeaseLost } from '../core/errors.ts';
import { decideLeak, type LeakDecision, type LeakOutcome } from '../core/leak.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { Response } from '../ports/response-ledger.ts';
import type { LeakResponder } from './leak-response.ts';
import { actorName, auditOf, deliveriesOf, openResponses, type Responding } from './responses.ts';

/** A worker that dies holds a response up for as long. */
const LEASE_MS = seconds(10);
const AT_ONCE = 50;
const RECENT_ROTATIONS = 20;

export interface ResponseHandling extends Responding {
  readonly responder: LeakResponder;
}

/** Begins responses that alerts call for, lets those end that nobody decided on, and carries out those that were decided. */
export async function respond(handling: ResponseHandling, signal: AbortSignal): Promise<void> {
  await openResponses(handling);
  await expireResponses(handling);
  await carryOut(handling, signal);
}

export async function expireResponses({ responses, ledger, engine }: Responding): Promise<void> {
  for (const response of await responses.overdue(AT_ONCE)) {
    const key = await ledger.key(response.keyId);
    const actor: Actor = { who: actorName(response), why: 'nobody decided in time' };
    const deliveries = key === null ? [] : deliveriesOf(response, expiredNotice(response, key));
    if (await responses.expire(response.id, { audit: auditOf(response, key, actor), deliveries })) engine.log.warn({ response: response.id, credential: response.credential }, 'nobody decided on a response in time');
  }
}

async function carryOut(handling: ResponseHandling, signal: AbortSignal): Promise<void> {
  const { responses, engine } = handling;
  for (;;) {
    const held = signal.aborted ? [] : await responses.claim(engine.worker, LEASE_MS, AT_ONCE);
    if (held.length === 0) return;
    for (const response of held) await handleOne(handling, response);
  }
}

async function handleOne(handling: ResponseHandling, response: Response): Promise<void> {
  const { responses, engine } = handling;
  try {
    await settleOne(handling, response);
  } catch (error) {
    if (isLeaseLost(error)) return;
    engine.log.error({ response: response.id, credential: response.credential, error: describeError(error) }, 'a response could not be carried out; it is tried again');
    await responses.postpone(response, engine.worker, describeError(error), retryMs(response.attempts)).catch((again: unknown) => engine.log.warn({ response: response.id, error: describeError(again) }, 'and that could not be written; its lease runs out by itself'));
  }
}

/** 1 s, doubling up to a minute: the key lives meanwhile. */
function retryMs(attempts: number): number {
  return Math.min(minutes(1), seconds(1) * 2 ** Math.min(attempts - 1, 10));
}

const MESSAGES: Readonly<Partial<Record<LeakOutcome, string>>> = {
  emergency: 'The key is revoked and replaced.',
  older_key: 'The key is revoked. There was nothing to replace: another is the current one.',
  already_condemned: 'The key was being revoked already.',
  already_revoked: 'The key was dead already.',
};

async function settleOne(handling: ResponseHandling, response: Response): Promise<void> {
  const { ledger, responses, engine } = handling;
  const key = await ledger.key(response.keyId);
  const record = await ledger.credential(response.credential);
  const debts = key === null ? [] : await ledger.openDebts({ credential: key.credential });
  const debt = debts.find((one) => one.issuer === key?.issuer && one.issuerKeyId === key.issuerKeyId)?.cause ?? null;
  const decision = decideLeak({ key, debt, declared: record?.declared === true, respond: record?.plan.protected === true ? 'tell' : 'revoke', looksLike: null, intent: response.intent });
  if (decision.act !== 'nothing' && response.intent !== decision.outcome) await responses.intend(response, engine.worker, decision.outcome);
  const actor = actorOf(response);
  const rotationId = key === null ? null : await act(handling, key, actor, decision);
  const [state, message] = outcomeOf(response, decision.outcome);
  await responses.settle(response, engine.worker, {
    state, rotationId, message, deliveries: [],
    audit: { ...auditOf(response, key, actor), rotationId },
  });
  engine.log.warn({ response: response.id, credential: response.credential, key: key?.issuerKeyId, rotation: rotationId, state }, message);
}

/** What is dead without this response's doing makes it moot. */
function outcomeOf({ credential }: Response, outcome: LeakOutcome): readonly ['done' | 'moot' | 'withheld', string] {
  if (outcome === 'told') return ['withheld', `${credential} was protected meanwhile, or the key's binding is not proved: nothing was revoked.`];
  return [outcome === 'emergency' || outcome === 'older_key' ? 'done' : 'moot', MESSAGES[outcome] ?? 'The ledger knows the key no more.'];
}

/** Answers the emergency rotation, if there is one. */
async function act({ ledger, responder }: ResponseHandling, key: KeyRecord, actor: Actor, { act: what, outcome }: LeakDecision): Promise<string | null> {
  const asked = what === 'emergency' ? await responder.emergency(key, actor) : null;
  if (asked !== null || (outcome !== 'emergency' && outcome !== 'older_key')) return asked;
  // A worker asked for it and died before it could say so.
  return (await ledger.rotations({ credential: key.credential }, { limit: RECENT_ROTATIONS })).find((one) => one.actor.who === actor.who)?.id ?? null;
}

function actorOf(response: Response): Actor {
  const { said, policy, decidedBy } = response;
  return { who: actorName(response), why: decidedBy === null ? `${said.title}; policy ${policy} revokes on that` : `${said.title}; approved by ${decidedBy.who}${decidedBy.why === '' ? '' : `: ${decidedBy.why}`}` };
}

/** What is written with a person's decision. */
export function wordsOf(response: Response, key: KeyRecord | null, decision: 'accepted' | 'declined', actor: Actor): Parameters<Responding['responses']['decide']>[3] {
  return { audit: auditOf(response, key, actor), deliveries: key === null ? [] : deliveriesOf(response, decidedNotice(response, key, decision, actor)) };
}
