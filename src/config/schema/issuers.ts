import { z } from 'zod';
import { LONGEST_CALL_MS } from './limits.ts';
import { duration, flag, secretRef, text, url, whole } from './leaves.ts';

/** Where each call goes unless said otherwise; the issuer's own defaults, held equal by a test. */
export const HYPERMEMORY_PATHS = {
  keys: ['/v1/api-keys', 'Listing (GET) and creating (POST) keys.'],
  key: ['/v1/api-keys/{key_id}', 'Revoking a key (DELETE).'],
  usage: ['/v1/usage', 'Plan and quota.'],
  auditLog: ['/v1/audit-log', 'The audit log, by key.'],
  overview: ['/api/v1/memory/overview', 'The cheapest call with a key: does it work?'],
  store: ['/api/v1/memory/store', 'Writing a canary.'],
  recall: ['/api/v1/memory/recall', 'Reading a canary.'],
  forget: ['/api/v1/memory/forget', 'Removing a canary.'],
} as const;

/** What fields of the service's JSON are called unless said otherwise; a dot descends. */
export const HYPERMEMORY_FIELDS = {
  keys: ['keys', 'In a list: the entries.'],
  nextCursor: ['next_cursor', 'In a list: cursor of the next page.'],
  id: ['id', 'Of a key: its id.'],
  name: ['name', 'Of a key: its name.'],
  prefix: ['prefix', 'Of a key: its first characters.'],
  scopes: ['scopes', 'Of a key: its scopes.'],
  createdAt: ['created_at', 'Of a key: when it was created.'],
  lastUsedAt: ['last_used_at', 'Of a key: when it was last used.'],
  status: ['status', 'Of a key: whether it lives.'],
  revokedAt: ['revoked_at', 'Of a key: when it was revoked.'],
  space: ['graph_id', 'Of a key: the graph that it is bound to.'],
  value: ['key', 'In the answer to a create: the value.'],
  requestName: ['name', 'In a create: the name.'],
  requestScopes: ['scopes', 'In a create: the scopes.'],
  requestSpace: ['graph_id', 'In a create: the graph.'],
  plan: ['plan', 'In usage: the plan.'],
  queriesPercentage: ['queries.percentage', 'In usage: share of the quota used.'],
  queriesCurrent: ['queries.current', 'In usage: queries so far.'],
  queriesLimit: ['queries.limit', 'In usage: queries of a period.'],
  nodesCurrent: ['nodes.current', 'In usage: nodes that are stored.'],
  nodesLimit: ['nodes.limit', 'In usage: nodes that may be stored.'],
  periodStart: ['billing_period.start', 'In usage: when the quota began.'],
  periodEnd: ['billing_period.end', 'In usage: when the quota begins anew.'],
  events: ['events', 'In the audit log: the entries.'],
  eventsCursor: ['next_cursor', 'In the audit log: cursor of the next page.'],
  eventId: ['id', 'Of an audit event: its id, by which one that is listed twice is told.'],
  eventType: ['type', 'Of an audit event: its type.'],
  eventAt: ['at', 'Of an audit event: when it happened.'],
  eventKeyId: ['key_id', 'Of an audit event: the key.'],
  eventKeyPrefix: ['key_prefix', 'Of an audit event: the first characters of the key, where its id is not known.'],
  eventAddress: ['ip', 'Of an audit event: the caller’s address.'],
  eventUserAgent: ['user_agent', 'Of an audit event: the caller’s user agent, by which adoption is proved and Keyturn’s own calls are told from use.'],
  eventMethod: ['method', 'Of an audit event: the method of the request; with its path it tells which scope was asked for.'],
  eventPath: ['path', 'Of an audit event: the path of the request.'],
  eventStatus: ['status', 'Of an audit event: the status of the answer; 403 tells that what was asked for was refused.'],
} as const;

type Names = Readonly<Record<string, readonly [fallback: string, description: string]>>;

function names<T extends Names>(given: T) {
  const entry = ([fallback, description]: Names[string]) => text.optional().meta({ description, default: fallback });
  return z.strictObject(Object.fromEntries(Object.entries(given).map(([key, what]) => [key, entry(what)])) as { [K in keyof T]: z.ZodOptional<z.ZodString> });
}

const hypermemory = z
  .strictObject({
    type: z.literal('hypermemory').describe('The HyperMemory API.'),
    adminKey: secretRef.describe('The key that lists, creates and revokes the others. Read anew for each call.'),
    baseUrl: url.default('https://api.hypermemory.io').describe('Address of the API.'),
    plan: text.optional().describe('The plan of the account (free, developer, pro, enterprise), which tells how many keys it may have. The service is asked when this is missing.'),
    keyLimit: whole(1).optional().describe('How many keys may live at once, where the plan does not tell it.'),
    generation: z.preprocess((value) => (value === '1' || value === '2' ? Number(value) : value), z.union([z.literal(1), z.literal(2)], 'is no generation (expected 1 or 2)')).prefault(1).describe('Generation of the API: 1 has scopes memory:read, memory:write and memory:admin; 2 has owner and member, bound to a graph.'),
    environment: z.enum(['live', 'test']).optional().describe('The environment that the admin key must belong to.'),
    lastUse: flag.prefault(true).describe('Whether the service tells when a key was last used. Without it `quiet` cannot be proved and adoption not be confirmed.'),
    paths: names(HYPERMEMORY_PATHS).prefault({}).describe('Paths below `baseUrl`, where the service differs from the documented or assumed ones.'),
    fields: names(HYPERMEMORY_FIELDS).prefault({}).describe('Names of JSON fields, where the service differs from the documented or assumed ones. A dot descends.'),
    knownKeys: z.array(text).default([]).describe('Names of keys that people look after themselves, such as the admin key; `*` stands for anything. The inventory does not report them.'),
    events: z.strictObject({ token: secretRef.describe('What the sender must show; it may do nothing else.') }).optional().describe('Take usage events of the service (`POST /v1/issuers/<name>/events`): its quota is then asked for at once. docs/rules.md.'),
    timeout: duration(100, LONGEST_CALL_MS).prefault('10s').describe('The longest that one call may take, its pages and retries included; at most 1m.'),
    listLag: duration(0, 3_600_000).prefault('60s').describe('How long after its creation a key may still be missing from the list. A create whose answer was lost is judged only after it.'),
    pacing: z
      .strictObject({
        maxConcurrent: whole(1).prefault(2).describe('Rotations of this issuer under way at once.'),
        perMinute: whole(1).prefault(10).describe('Rotations of this issuer begun in any minute.'),
      })
      .prefault({})
      .describe('How many rotations may happen at this issuer, so that many overdue credentials make no storm.'),
  })
  .meta({ title: 'hypermemory' });

export const issuer = z.discriminatedUnion('type', [hypermemory]);
export type IssuerConfig = z.output<typeof issuer>;
