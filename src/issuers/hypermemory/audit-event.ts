/** One event of the audit log, as usage. */
import { createHash } from 'node:crypto';
import { addressOf, agentOf, clueOf, instantOf, statusOf } from '../../core/usage-fields.ts';
import { MAX_AHEAD_MS, type UsageEvent, type UsageOutcome } from '../../core/usage.ts';
import { child, text } from './json.ts';
import type { NeedOf } from './needs.ts';
import type { Fields } from './settings.ts';

/** `other` is understood and no use: creations, revocations, Keyturn's own calls, attempts that show no key. */
export type AuditEvent =
  | { readonly is: 'use' | 'other'; readonly at: Date; readonly id: string; readonly event: UsageEvent | null }
  /** `problem` continues "an event whose …" and quotes nothing of it. */
  | { readonly is: 'malformed'; readonly problem: string };

const OUTCOMES: Readonly<Record<string, UsageOutcome>> = { 'request.succeeded': 'ok', 'request.failed': 'failed', 'auth.failed': 'denied' };

const FORBIDDEN = 403;

export interface AuditReading {
  readonly fields: Fields;
  /** The user agent of Keyturn's calls; empty when it is not known. */
  readonly ownAgent: string;
  readonly needOf: NeedOf;
}

export function readAuditEvent(json: unknown, { fields, ownAgent, needOf }: AuditReading, now: Date): AuditEvent {
  const at = instantOf(child(json, fields.eventAt));
  const type = text(json, fields.eventType);
  if (at === null || type === undefined) return { is: 'malformed', problem: `field "${at === null ? fields.eventAt : fields.eventType}" is missing or unusable` };
  if (at.getTime() > now.getTime() + MAX_AHEAD_MS) return { is: 'malformed', problem: `field "${fields.eventAt}" lies in the future` };
  const id = idOf(json, fields);
  const outcome = Object.hasOwn(OUTCOMES, type) ? OUTCOMES[type] : undefined;
  const agent = text(json, fields.eventUserAgent);
  if (outcome === undefined || isOwn(agent, ownAgent)) return { is: 'other', at, id, event: null };
  const shown = keyOf(json, fields);
  if ('problem' in shown) return { is: 'malformed', problem: shown.problem };
  if ('none' in shown) return { is: 'other', at, id, event: null };
  const need = needOf(text(json, fields.eventMethod) ?? '', text(json, fields.eventPath) ?? '');
  const refused = statusOf(child(json, fields.eventStatus)) === FORBIDDEN;
  return { is: 'use', at, id, event: { at, ...shown, outcome, requests: 1, address: addressOf(child(json, fields.eventAddress)), agent: agentOf(agent), need, refused } };
}

type ShownKey = Pick<UsageEvent, 'clue' | 'clueKind'> | { readonly none: true } | { readonly problem: string };

/** By its id; a failed authentication may know a prefix only. */
function keyOf(json: unknown, fields: Fields): ShownKey {
  const byId = clueOf('id', child(json, fields.eventKeyId), never);
  if (!('none' in byId)) return byId;
  const byPrefix = clueOf('prefix', child(json, fields.eventKeyPrefix), never);
  return 'clue' in byPrefix ? { clue: byPrefix.clue, clueKind: 'prefix' } : byPrefix;
}

function never(): never {
  throw new Error('neither an id nor a prefix is fingerprinted');
}

function isOwn(agent: string | undefined, ownAgent: string): boolean {
  return ownAgent !== '' && agent !== undefined && (agent === ownAgent || agent.endsWith(` ${ownAgent}`));
}

/** Without an id, its fields: an event that is listed twice is still one, at the price that two alike within one instant are. */
function idOf(json: unknown, fields: Fields): string {
  const told = child(json, fields.eventId);
  const id = typeof told === 'string' || typeof told === 'number' ? String(told) : '';
  return createHash('sha256').update(id === '' ? JSON.stringify(json) : id).digest('base64url');
}
