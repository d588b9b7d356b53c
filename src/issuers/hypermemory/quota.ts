/** What the account has used of its plan, from `GET /v1/usage`. */
import type { IssuerQuota } from '../../ports/issuer.ts';
import type { Client } from './client.ts';
import { child } from './json.ts';
import { refusal } from './refusals.ts';
import type { Fields } from './settings.ts';
import { toDate } from './shapes.ts';
import { hasJson } from './transport.ts';

/** Statuses of a service that answers, and does not tell this to this admin key. */
const NOT_TOLD = new Set([400, 403, 404, 405, 422]);

/** Null where usage is not served. Throws ISSUER_* where the service does not answer, answers something else, or refuses the admin key. */
export async function readQuota(client: Client, signal: AbortSignal): Promise<readonly IssuerQuota[] | null> {
  const answer = await client.call({ method: 'GET', path: 'usage', again: true }, signal);
  if (NOT_TOLD.has(answer.status) && hasJson(answer)) return null;
  if (answer.status !== 200 || !hasJson(answer)) throw refusal(client.settings.name, 'read the usage', answer);
  return quotasIn(answer.json, client.settings.fields);
}

/** What is no number is left out; without whole dates there is no period. */
export function quotasIn(json: unknown, fields: Fields): readonly IssuerQuota[] {
  return [
    ...quota('queries', child(json, fields.queriesCurrent), child(json, fields.queriesLimit), periodIn(json, fields)),
    ...quota('nodes', child(json, fields.nodesCurrent), child(json, fields.nodesLimit), null),
  ];
}

function quota(what: string, current: unknown, limit: unknown, period: IssuerQuota['period']): readonly IssuerQuota[] {
  if (!isAmount(current) || !(limit === null || isAmount(limit))) return [];
  return [{ what, current, limit, period }];
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function periodIn(json: unknown, fields: Fields): IssuerQuota['period'] {
  const [start, end] = [instant(child(json, fields.periodStart)), instant(child(json, fields.periodEnd))];
  return start === null || end === null || start >= end ? null : { start, end };
}

function instant(told: unknown): Date | null {
  if (typeof told !== 'string' && typeof told !== 'number') return null;
  const date = toDate(told);
  return Number.isNaN(date.getTime()) ? null : date;
}
