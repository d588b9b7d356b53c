/** From a refusing answer to a `KeyturnError`: one ordered list of rules over the documented bodies. Pure but for the clock. */
import { KeyturnError } from '../../core/errors.ts';
import { scrub } from '../../core/secret.ts';
import { child, text } from './json.ts';
import { planLimit } from './settings.ts';
import { badAnswer, type Answer } from './transport.ts';
import { retryAfterMs, untilMs } from './waiting.ts';

export const UPGRADE = 'Settings → Billing → Upgrade Plan';
const LONGEST_DETAIL = 300;
/** Refusals that may come from something in between, or after the effect happened. */
const AMBIGUOUS = new Set([408, 409, 425, 499]);

interface Case {
  readonly issuer: string;
  /** Continues "is not allowed to …", e.g. `list keys`. */
  readonly action: string;
  readonly answer: Answer;
  /** The body is the API's own JSON. */
  readonly api: boolean;
  readonly code: string | undefined;
  /** What the service says, ready for people, with a leading colon; empty when it says nothing. */
  readonly says: string;
}

interface Rule {
  readonly when: (seen: Case) => boolean;
  readonly make: (seen: Case) => KeyturnError;
}

const RULES: readonly Rule[] = [
  { when: ({ answer }) => answer.status >= 500, make: unavailable },
  { when: ({ answer }) => answer.status < 400, make: unexpected },
  { when: ({ code }) => code === 'QUOTA_EXCEEDED', make: quota },
  { when: isKeyLimit, make: limit },
  { when: ({ answer }) => answer.status === 429, make: rateLimited },
  { when: ({ answer }) => answer.status === 401 && !answer.html, make: invalidKey },
  { when: ({ api }) => !api, make: unexpected },
  { when: ({ answer }) => answer.status === 403, make: denied },
  { when: ({ answer }) => answer.status === 404 || answer.status === 405, make: noSuchPath },
  { when: () => true, make: rejected },
];

/** The error that an answer to `action` means; call it for any answer that is not the expected one. */
export function refusal(issuer: string, action: string, answer: Answer): KeyturnError {
  const seen: Case = { issuer, action, answer, api: isApiBody(answer.json), code: errorCode(answer.json), says: says(answer.json) };
  const rule = RULES.find(({ when }) => when(seen));
  return (rule?.make ?? rejected)(seen);
}

export function errorCode(json: unknown): string | undefined {
  return text(json, 'error.code', 'code', 'error');
}

/** A body in one of the documented shapes of an error. */
export function isApiBody(json: unknown): boolean {
  return ['error', 'detail', 'message', 'plan'].some((name) => child(json, name) !== undefined);
}

/** What a refusing body says, without anything that looks like a key, and short. */
export function said(json: unknown): string {
  const detail = child(json, 'detail');
  const listed = Array.isArray(detail) ? detail.map((one) => text(one, 'msg', 'message') ?? '').filter((one) => one !== '') : [];
  const found = text(json, 'error.message', 'message', 'detail', 'error', 'error.detail') ?? listed.join('; ');
  const masked = scrub(found).replaceAll(/\bhm_\w{9,}/g, '[secret]');
  return masked.length > LONGEST_DETAIL ? `${masked.slice(0, LONGEST_DETAIL)}…` : masked;
}

function says(json: unknown): string {
  const words = said(json).replace(/[.\s]+$/, '');
  return words === '' ? '' : `: ${words}`;
}

function isKeyLimit({ code, answer, api }: Case): boolean {
  if (code === 'KEY_LIMIT_REACHED') return true;
  const planHit = child(answer.json, 'plan') !== undefined || child(answer.json, 'error.plan') !== undefined;
  return api && planHit && (answer.status === 403 || answer.status === 402);
}

/** A refusal in the API's own words had no effect; anything else is not known. */
function effectOf({ api, answer }: Case): 'none' | 'unknown' {
  return (api || answer.status === 401) && !AMBIGUOUS.has(answer.status) ? 'none' : 'unknown';
}

function waiting(ms: number | undefined): { retryAfterMs?: number } {
  return ms === undefined ? {} : { retryAfterMs: ms };
}

function unavailable({ issuer, answer, says }: Case): KeyturnError {
  return new KeyturnError('ISSUER_UNAVAILABLE', `HyperMemory issuer ${issuer} has trouble of its own (HTTP ${answer.status}${says}).`, {
    todo: "Keyturn tries again by itself; if it lasts, look at the service's status page.",
    effect: 'unknown',
    ...waiting(retryAfterMs(answer.headers, answer.json, Date.now())),
  });
}

function unexpected({ issuer, answer, action }: Case): KeyturnError {
  const what = answer.html ? 'a page of HTML' : 'something unexpected';
  return badAnswer(issuer, `answered ${what} (HTTP ${answer.status}) to the attempt to ${action}`);
}

function quota({ issuer, answer, says }: Case): KeyturnError {
  const resets = text(answer.json, 'error.resets_at', 'resets_at');
  const untilReset = untilMs(resets, answer.headers, Date.now());
  const until = untilReset === undefined ? '' : ` It starts anew at ${resets}.`;
  return new KeyturnError('ISSUER_RATE_LIMITED', `HyperMemory issuer ${issuer} refuses because the quota is used up${says}.${until}`, {
    todo: `Wait for that, or raise the quota: ${UPGRADE}.`,
    effect: 'none',
    ...waiting(untilReset ?? retryAfterMs(answer.headers, answer.json, Date.now())),
  });
}

function limit({ issuer, answer, action, says }: Case): KeyturnError {
  const { json } = answer;
  const plan = text(json, 'plan', 'error.plan', 'plan.name', 'error.plan.name');
  const told = [child(json, 'error.limit'), child(json, 'limit'), child(json, 'plan.limit')].find((one) => typeof one === 'number');
  const most = told ?? planLimit(plan ?? null);
  const whose = plan === undefined ? 'the plan' : `the plan ${plan}`;
  const allows = typeof most === 'number' ? `${whose} allows ${most} live key${most === 1 ? '' : 's'}` : `${whose} has reached its limit`;
  return new KeyturnError('ISSUER_LIMIT', `HyperMemory issuer ${issuer} does not ${action}, because ${allows}${says}.`, {
    todo: `Revoke a key that nobody needs, or raise the limit: ${UPGRADE}.`,
    effect: effectOf({ issuer, action, answer, api: isApiBody(json), code: undefined, says }),
  });
}

function rateLimited(seen: Case): KeyturnError {
  const ms = retryAfterMs(seen.answer.headers, seen.answer.json, Date.now());
  const forHow = ms === undefined ? '' : ` for ${Math.ceil(ms / 1000)} s`;
  return new KeyturnError('ISSUER_RATE_LIMITED', `HyperMemory issuer ${seen.issuer} asks for a pause${forHow}: too many requests.`, {
    todo: 'Nothing: it is tried again by itself after that. If it comes often, lower the pacing of the issuer.',
    effect: effectOf(seen),
    ...waiting(ms),
  });
}

function invalidKey({ issuer, action, says }: Case): KeyturnError {
  return new KeyturnError('ISSUER_DENIED', `HyperMemory issuer ${issuer} says the admin key is invalid${says}, so Keyturn can't ${action}.`, {
    todo: 'Put a live admin key where the adminKey reference of this issuer points.',
    effect: 'none',
  });
}

function denied(seen: Case): KeyturnError {
  const required = scopesText(child(seen.answer.json, 'error.required_scope') ?? child(seen.answer.json, 'required_scope'));
  const has = scopesText(child(seen.answer.json, 'error.key_scopes') ?? child(seen.answer.json, 'key_scopes'));
  const why = required === '' ? seen.says : `: it needs ${required}${has === '' ? '' : ` and has ${has}`}`;
  return new KeyturnError('ISSUER_DENIED', `The admin key of HyperMemory issuer ${seen.issuer} may not ${seen.action}${why}.`, {
    todo: `Create an admin key that has ${required === '' ? 'the rights to list, create and revoke keys' : required} and put it where the adminKey reference points.`,
    effect: effectOf(seen),
  });
}

/** `memory:admin`, or `memory:read, memory:write`. */
export function scopesText(scopes: unknown): string {
  if (typeof scopes === 'string') return scopes;
  return Array.isArray(scopes) ? scopes.filter((one) => typeof one === 'string').join(', ') : '';
}

function noSuchPath(seen: Case): KeyturnError {
  return new KeyturnError(
    'ISSUER_BAD_ANSWER',
    `HyperMemory issuer ${seen.issuer} does not know the address to ${seen.action} (HTTP ${seen.answer.status}${seen.says}).`,
    { todo: "Check baseUrl and the issuer's paths; `keyturn doctor` says which of them the service answers.", effect: effectOf(seen) },
  );
}

function rejected(seen: Case): KeyturnError {
  return new KeyturnError(
    'ISSUER_REJECTED',
    `HyperMemory issuer ${seen.issuer} refuses to ${seen.action} (HTTP ${seen.answer.status}${seen.says}).`,
    { todo: "Check the credential's name, scopes and graph, and the issuer's field names.", effect: effectOf(seen) },
  );
}
