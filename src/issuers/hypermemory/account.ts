/** What the admin key can see of the account without changing anything: `inspect` and today's usage. */
import { KeyturnError } from '../../core/errors.ts';
import type { IssuedKey, IssuerAccount, KeyUsageToday } from '../../ports/issuer.ts';
import type { Client } from './client.ts';
import { child, text } from './json.ts';
import { allPages, listKeys } from './keys.ts';
import { UPGRADE } from './refusals.ts';
import { environmentOf } from './scopes.ts';
import { planLimit } from './settings.ts';

const AUDIT_PAGE = 500;

/** Throws only where the service can't be asked; an admin key that it refuses is a problem among others. */
export async function inspectAccount(client: Client, signal: AbortSignal): Promise<IssuerAccount> {
  const { settings } = client;
  const listing = await listKeys(client, signal).catch(deniedOnly);
  const denied = listing instanceof KeyturnError;
  const keys: readonly IssuedKey[] = denied ? [] : listing;
  const usage = denied ? null : await usageBody(client, signal);
  const plan = settings.plan ?? text(usage, settings.fields.plan) ?? null;
  return {
    plan,
    keyLimit: (settings.keyLimit === undefined ? planLimit(plan) : settings.keyLimit) ?? null,
    liveKeys: keys.filter((key) => key.live).length,
    raiseLimit: `Raise the limit of HyperMemory issuer ${settings.name}: ${UPGRADE}`,
    problems: [...(denied ? [listing.sentence] : []), ...(await wrongEnvironment(client)), ...usedUp(client, usage)],
  };
}

function deniedOnly(thrown: unknown): KeyturnError {
  if (thrown instanceof KeyturnError && thrown.code === 'ISSUER_DENIED') return thrown;
  throw thrown;
}

/** Null when usage is not served or in trouble: no rotation hangs on it. */
async function usageBody(client: Client, signal: AbortSignal): Promise<unknown> {
  try {
    const answer = await client.call({ method: 'GET', path: 'usage' }, signal);
    return answer.status === 200 ? answer.json : null;
  } catch (thrown) {
    if (thrown instanceof KeyturnError && !signal.aborted) return null;
    throw thrown;
  }
}

async function wrongEnvironment(client: Client): Promise<readonly string[]> {
  const { settings } = client;
  const told = environmentOf((await settings.adminKey()).reveal());
  if (settings.environment === null || told === null || told === settings.environment) return [];
  return [
    `The admin key of HyperMemory issuer ${settings.name} belongs to the environment ${told}, but the issuer is declared as ${settings.environment}. ` +
      'Put an admin key of that environment where the adminKey reference points, or correct the declaration.',
  ];
}

function usedUp(client: Client, usage: unknown): readonly string[] {
  const { fields, name } = client.settings;
  const percentage = child(usage, fields.queriesPercentage);
  if (typeof percentage !== 'number' || percentage < 100) return [];
  const until = text(usage, fields.periodEnd);
  return [
    `The query quota of HyperMemory issuer ${name} is used up${until === undefined ? '' : ` until ${until}`}, so a new key can't be proved to work. ` +
      `Wait for that, or raise the quota: ${UPGRADE}.`,
  ];
}

/**
 * Requests and failures by key since midnight UTC, counted from the audit log. Null where it is not served to this
 * admin key, and where the day does not fit into `maxAuditPages`: half a count would look like a whole one. Failed
 * authentications that carry no key id belong to nobody, since a prefix is shared.
 */
export async function countUsageToday(client: Client, signal: AbortSignal): Promise<readonly KeyUsageToday[] | null> {
  const { maxAuditPages } = client.settings;
  const since = `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`;
  try {
    const events = await allPages(
      client,
      {
        path: 'auditLog',
        action: 'read the audit log',
        names: { items: 'events', cursor: 'eventsCursor' },
        query: { since, limit: String(AUDIT_PAGE) },
        maxPages: maxAuditPages,
      },
      signal,
    );
    return tally(client, events);
  } catch (thrown) {
    const notTold = ['ISSUER_BAD_ANSWER', 'ISSUER_DENIED', 'ISSUER_LIMIT', 'ISSUER_REJECTED'];
    if (thrown instanceof KeyturnError && notTold.includes(thrown.code)) return null;
    throw thrown;
  }
}

function tally(client: Client, events: readonly unknown[]): readonly KeyUsageToday[] {
  const { fields } = client.settings;
  const byKey = new Map<string, { requests: number; failures: number }>();
  for (const event of events) {
    const type = text(event, fields.eventType) ?? '';
    const keyId = text(event, fields.eventKeyId);
    if (keyId === undefined || !REQUESTS.has(type)) continue;
    const count = byKey.get(keyId) ?? { requests: 0, failures: 0 };
    byKey.set(keyId, { requests: count.requests + 1, failures: count.failures + (type === 'request.succeeded' ? 0 : 1) });
  }
  return [...byKey].map(([issuerKeyId, count]) => ({ issuerKeyId, ...count }));
}

const REQUESTS = new Set(['request.succeeded', 'request.failed', 'auth.failed']);
