/** Responses as people ask for them, and decide on them at a terminal. */
import { revokeCommand } from '../alerts/response-notices.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { Response } from '../ports/response-ledger.ts';
import { everDeclared } from './changes.ts';
import type { Context } from './context.ts';
import { wordsOf } from './response-handling.ts';
import type { BreakerView, ResponseChanges, ResponseQuestions, ResponseView } from './response-operations.ts';

const DEFAULT_LIMIT = 50;

type Asking = Pick<Context, 'responses' | 'ledger' | 'config'>;

export function responseQuestions(context: Context): ResponseQuestions {
  return {
    async responses({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      const [found, breaker] = await Promise.all([context.responses.list(filter, { limit: limit ?? DEFAULT_LIMIT }), breakerView(context)]);
      return { responses: await viewsOf(context, found), breaker };
    },
  };
}

export async function breakerView({ responses, config }: Pick<Asking, 'responses' | 'config'>): Promise<BreakerView> {
  const { maxPerHour, maxPerIssuerPerHour } = config().response;
  return { ...(await responses.figures()), maxPerHour, maxPerIssuerPerHour };
}

export function responseChanges(context: Context): ResponseChanges {
  return {
    approveResponse: (id, actor) => decideAtTerminal(context, id, 'accepted', actor),
    declineResponse: (id, actor) => decideAtTerminal(context, id, 'declined', actor),
  };
}

async function decideAtTerminal(context: Context, idOrPrefix: string, decision: 'accepted' | 'declined', actor: Actor): Promise<ResponseView> {
  const known = await context.responses.response(idOrPrefix);
  if (known === null) throw new KeyturnError('UNKNOWN_NAME', `There is no response ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn responses`.' });
  const key = await context.ledger.key(known.keyId);
  const answer = await decideOn(context, known, key, decision, actor);
  const response = answer?.response ?? known;
  if (answer?.outcome === 'dead') throw new KeyturnError('ALREADY_REVOKED', `${response.message ?? 'The key is dead already.'} Nothing was revoked.`, { effect: 'none' });
  if (answer?.outcome !== 'decided') throw over(response, answer?.outcome === 'expired', key);
  return (await viewsOf(context, [response]))[0] as ResponseView;
}

/** One way for links and terminals: the decision, its audit event and its messages are one transaction; then it is carried out. */
export async function decideOn({ responses, queue }: Pick<Context, 'responses' | 'queue'>, response: Response, key: KeyRecord | null, decision: 'accepted' | 'declined', actor: Actor): ReturnType<Context['responses']['decide']> {
  const answer = await responses.decide(response.id, decision, actor, wordsOf(response, key, decision, actor));
  if (answer?.outcome === 'decided') await Promise.all([queue?.wake('respond', {}, { dedupeKey: 'respond' }), queue?.wake('deliver', {}, { dedupeKey: 'deliver' })]);
  return answer;
}

const STANDS: Readonly<Record<Response['state'], string>> = {
  waiting: 'waits for a decision', accepted: 'was approved already', done: 'was carried out already', moot: 'came to nothing: the key was dead or dying already', declined: 'was declined already',
  expired: 'has expired', tripped: 'was held back by the circuit breaker', withheld: 'was withheld',
};

/** Where it stands, completing "The response …". */
export function standingOf({ state, decidedBy }: Pick<Response, 'state' | 'decidedBy'>): string {
  return `${STANDS[state]}${decidedBy === null ? '' : ` by ${decidedBy.who}`}`.replace(/^(came to nothing: .*) by .*$/, '$1');
}

function over(response: Response, late: boolean, key: KeyRecord | null): KeyturnError {
  const dead = response.state === 'accepted' || response.state === 'done' || response.state === 'moot';
  return new KeyturnError('RESPONSE_OVER', `Response ${response.id} ${late ? 'has expired' : standingOf(response)}; nothing was changed.`, {
    effect: 'none', ...(dead ? {} : { todo: `To revoke the key all the same: \`${key === null ? `keyturn revoke ${response.credential} --reason "…"` : revokeCommand(key)}\`.` }),
  });
}

async function viewsOf({ ledger }: Pick<Asking, 'ledger'>, found: readonly Response[]): Promise<readonly ResponseView[]> {
  const keys = new Map((await ledger.keys([...new Set(found.map(({ keyId }) => keyId))])).map((key) => [key.id, key]));
  return found.map((one) => ({
    id: one.id, state: one.state, mode: one.mode, rule: one.rule, credential: one.credential, issuer: one.issuer, issuerKeyId: keys.get(one.keyId)?.issuerKeyId ?? null, policy: one.policy,
    alert: one.alert, title: one.said.title, openedAt: one.openedAt.toISOString(), expiresAt: one.expiresAt?.toISOString() ?? null,
    decidedBy: one.decidedBy === null ? null : { ...one.decidedBy, at: (one.decidedAt ?? one.openedAt).toISOString() }, rotationId: one.rotationId, message: one.message, lastError: one.lastError,
  }));
}
