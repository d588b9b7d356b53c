/** Calls made with a key's own value: the frugal probe, and the canary that proves reading and writing. */
import { randomUUID } from 'node:crypto';
import { describeError, KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { ExerciseRequest, KeyExercise, KeyProbe } from '../../ports/issuer.ts';
import type { Client, Request } from './client.ts';
import { child } from './json.ts';
import { errorCode, isApiBody, said, scopesText } from './refusals.ts';
import { canWrite } from './scopes.ts';
import { hasJson, headerSafe, type Answer } from './transport.ts';

/** Nodes left by a worker that died between store and forget are found by this. */
export const CANARY_PREFIX = 'keyturn-canary-';

const WORKS: KeyProbe = { works: true, reason: '', conclusive: true };

/**
 * One GET of the overview. A key that may not read it but is known to the service works all the same. Never throws:
 * trouble of the network or the service is an inconclusive answer.
 */
export async function probeKey(client: Client, value: Secret, signal: AbortSignal): Promise<KeyProbe> {
  return attempt(client, { method: 'GET', path: 'overview', key: value }, 'read an overview', signal, scopeIsEnough);
}

/**
 * Does what the scopes promise: with a canary allowed and a writing key, stores, recalls and forgets one node; else
 * reads the overview. The node is forgotten whatever happens after it was sent; two thirds of the time-out are for
 * the work, the last third is kept for that.
 */
export async function exerciseKey(client: Client, value: Secret, request: ExerciseRequest, signal: AbortSignal): Promise<KeyExercise> {
  const headers: Record<string, string> = request.space === null ? {} : { 'x-graph-id': request.space };
  const third = Math.ceil(client.settings.timeoutMs / 3);
  const working = client.bounded(signal, 2 * third);
  if (request.canary && canWrite(request.scopes)) return canary(client, value, headers, working, third);
  const seen = await attempt(client, { method: 'GET', path: 'overview', key: value, headers }, 'read an overview', working, nothingExcused);
  return { ...seen, did: seen.works ? ['read an overview'] : [] };
}

async function canary(client: Client, key: Secret, headers: Readonly<Record<string, string>>, signal: AbortSignal, cleanupMs: number): Promise<KeyExercise> {
  if (signal.aborted) return { ...trouble('it was not waited for'), did: [] };
  const node = `${CANARY_PREFIX}${randomUUID()}`;
  const did: string[] = [];
  const step = async (request: Request, doing: string, within: AbortSignal, excused = nothingExcused): Promise<KeyProbe> => {
    const seen = await attempt(client, { ...request, key, headers }, doing, within, excused);
    if (seen.works) did.push(doing);
    return seen;
  };
  const stored = await step({ method: 'POST', path: 'store', body: canaryNode(node) }, 'store a canary', signal);
  // Refused in words: nothing is there to be recalled or forgotten.
  if (!stored.works && stored.conclusive) return { ...stored, did };
  const recalled = stored.works
    ? await step({ method: 'POST', path: 'recall', body: { query: node, max_results: 1 } }, 'recall', signal)
    : stored;
  const forget: Request = { method: 'POST', path: 'forget', body: { key: node, cascade: false }, again: true, urgent: true };
  const forgotten = await step(forget, 'forget the canary', AbortSignal.timeout(cleanupMs), stored.works ? nothingExcused : neverThere);
  const worst = [recalled, forgotten].find((seen) => !seen.works) ?? WORKS;
  const left = forgotten.works ? '' : ` The node ${node} may be left behind: forget it by hand.`;
  return { ...worst, reason: `${worst.reason}${left}`, did };
}

function canaryNode(node: string): Record<string, unknown> {
  return { key: node, description: `Written and at once forgotten by Keyturn to prove that a key works (${node}).`, node_type: 'canary' };
}

type Excuse = (answer: Answer) => boolean;
const nothingExcused: Excuse = () => false;
/** The service knows the key and says what it lacks: it is alive. */
const scopeIsEnough: Excuse = ({ status, json }) =>
  status === 403 && (errorCode(json) === 'FORBIDDEN' || child(json, 'error.required_scope') !== undefined || child(json, 'required_scope') !== undefined);

/** A store that may have failed, and no such node: nothing to forget. */
const neverThere: Excuse = ({ status, json }) => status === 404 && isApiBody(json);

async function attempt(client: Client, request: Request, doing: string, signal: AbortSignal, excused: Excuse): Promise<KeyProbe> {
  if (request.key !== undefined && !headerSafe(request.key)) return refused('it holds blanks or line ends, which no key has');
  try {
    const answer = await client.call(request, request.urgent === true ? signal : client.bounded(signal));
    return excused(answer) ? WORKS : judge(answer, doing);
  } catch (thrown) {
    if (thrown instanceof KeyturnError) return trouble(describeError(thrown));
    throw thrown;
  }
}

/** Is it the key, or something else? Only a 401, and a 403 that speaks of scopes, are about the key. */
function judge(answer: Answer, doing: string): KeyProbe {
  const { status, json, html } = answer;
  if (status >= 200 && status < 300 && hasJson(answer)) return WORKS;
  const words = said(json);
  const says = words === '' ? '' : `: ${words}`;
  if (status === 401 && !html) return refused(`the service says that the key is invalid or revoked (401${says})`);
  if (scopeIsEnough(answer)) {
    const required = scopesText(child(json, 'error.required_scope') ?? child(json, 'required_scope'));
    const has = scopesText(child(json, 'error.key_scopes') ?? child(json, 'key_scopes'));
    const lacks = required === '' ? says : `: that needs ${required}, the key has ${has === '' ? 'less' : has}`;
    return refused(`the key may not ${doing}${lacks}`);
  }
  if (!isApiBody(json) && status < 500 && status !== 429) return trouble(`something that is not the HyperMemory API answered (HTTP ${status})`);
  return trouble(`the service did not let it ${doing} (HTTP ${status}${says})`);
}

function refused(reason: string): KeyProbe {
  return { works: false, reason, conclusive: true };
}

function trouble(reason: string): KeyProbe {
  return { works: false, reason, conclusive: false };
}
