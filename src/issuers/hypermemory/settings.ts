import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

/**
 * Where each call goes, relative to `baseUrl`. `{key_id}` is replaced. Documented: all but `auditLog`, which is assumed
 * like the POST on `keys`; every one can be changed in configuration.
 */
export const DEFAULT_PATHS = {
  keys: '/v1/api-keys',
  key: '/v1/api-keys/{key_id}',
  usage: '/v1/usage',
  auditLog: '/v1/audit-log',
  overview: '/api/v1/memory/overview',
  store: '/api/v1/memory/store',
  recall: '/api/v1/memory/recall',
  forget: '/api/v1/memory/forget',
} as const;
export type PathName = keyof typeof DEFAULT_PATHS;
export type Paths = Readonly<Record<PathName, string>>;

/**
 * What each field is called in the service's JSON; a dot descends (`data.keys`). Documented: `keys`, `name`, `prefix`,
 * `scopes`, and those of usage; the rest is assumed. All can be changed in configuration.
 */
export const DEFAULT_FIELDS = {
  /** Answer to a list: the entries, and the cursor of the next page (sent back as the query parameter `cursor`). */
  keys: 'keys',
  nextCursor: 'next_cursor',
  /** One key, listed or just minted. */
  id: 'id',
  name: 'name',
  prefix: 'prefix',
  scopes: 'scopes',
  createdAt: 'created_at',
  lastUsedAt: 'last_used_at',
  status: 'status',
  revokedAt: 'revoked_at',
  space: 'graph_id',
  /** The value, in the answer to a create only. */
  value: 'key',
  /** Request to create: top-level names, no dots. */
  requestName: 'name',
  requestScopes: 'scopes',
  requestSpace: 'graph_id',
  /** Usage. */
  plan: 'plan',
  queriesPercentage: 'queries.percentage',
  queriesCurrent: 'queries.current',
  queriesLimit: 'queries.limit',
  nodesCurrent: 'nodes.current',
  nodesLimit: 'nodes.limit',
  periodStart: 'billing_period.start',
  periodEnd: 'billing_period.end',
  /** Audit log. */
  events: 'events',
  eventsCursor: 'next_cursor',
  eventId: 'id',
  eventType: 'type',
  eventAt: 'at',
  eventKeyId: 'key_id',
  eventKeyPrefix: 'key_prefix',
  eventAddress: 'ip',
  eventUserAgent: 'user_agent',
  eventMethod: 'method',
  eventPath: 'path',
  eventStatus: 'status',
} as const;
export type FieldName = keyof typeof DEFAULT_FIELDS;
export type Fields = Readonly<Record<FieldName, string>>;

/** Documented: keys that may be live at once, by plan; null is unlimited. */
export const PLAN_KEY_LIMITS: Readonly<Record<string, number | null>> = {
  free: 1,
  developer: 5,
  pro: 20,
  enterprise: null,
};

export const DEFAULT_BASE_URL = 'https://api.hypermemory.io';

export interface HyperMemoryOptions {
  readonly name: string;
  readonly baseUrl: string;
  /** Resolved anew for every call, so that a rotated admin key is taken up without a restart. */
  readonly adminKey: () => Promise<Secret>;
  readonly generation: 1 | 2;
  /** Free, Developer, Pro or Enterprise, in any case; without it the service is asked. */
  readonly plan?: string | undefined;
  /** Overrides the plan's limit. */
  readonly keyLimit?: number | undefined;
  /** `live` or `test`: an admin key of another environment is reported by `inspect`. */
  readonly environment?: string | undefined;
  readonly paths?: Partial<Paths> | undefined;
  readonly fields?: Partial<Fields> | undefined;
  /** False when the service does not tell a key's last use. */
  readonly lastUse?: boolean | undefined;
  /** The longest that one call of the port may take, all its pages and retries included, milliseconds. */
  readonly timeoutMs: number;
  /** How long after creation a list may still not show a key, milliseconds. */
  readonly listLagMs: number;
  readonly maxListPages?: number | undefined;
  readonly maxAuditPages?: number | undefined;
}

export interface Settings {
  readonly name: string;
  readonly baseUrl: URL;
  readonly adminKey: () => Promise<Secret>;
  readonly generation: 1 | 2;
  readonly plan: string | null;
  /** Undefined when neither configuration nor plan tells. */
  readonly keyLimit: number | null | undefined;
  readonly environment: string | null;
  readonly paths: Paths;
  readonly fields: Fields;
  readonly lastUse: boolean;
  readonly timeoutMs: number;
  readonly listLagMs: number;
  readonly maxListPages: number;
  readonly maxAuditPages: number;
}

/** The documented key limit of a plan; undefined for a plan nobody has documented. */
export function planLimit(plan: string | null): number | null | undefined {
  return plan === null ? undefined : PLAN_KEY_LIMITS[plan.toLowerCase()];
}

/** Fills in defaults. Throws CONFIG_INVALID for a base URL that cannot be called safely. */
export function settle(options: HyperMemoryOptions): Settings {
  const plan = options.plan ?? null;
  return {
    name: options.name,
    baseUrl: safeBase(options),
    adminKey: options.adminKey,
    generation: options.generation,
    plan,
    keyLimit: options.keyLimit ?? planLimit(plan),
    environment: options.environment ?? null,
    paths: { ...DEFAULT_PATHS, ...set(options.paths) },
    fields: { ...DEFAULT_FIELDS, ...set(options.fields) },
    lastUse: options.lastUse ?? true,
    timeoutMs: options.timeoutMs,
    listLagMs: options.listLagMs,
    maxListPages: options.maxListPages ?? 50,
    maxAuditPages: options.maxAuditPages ?? 50,
  };
}

/** An address of one call: base, path below it, query. */
export function address(settings: Settings, path: PathName, more: { keyId?: string; query?: Readonly<Record<string, string>> } = {}): URL {
  const below = settings.paths[path].replace('{key_id}', encodeURIComponent(more.keyId ?? ''));
  const url = new URL(settings.baseUrl.href.replace(/\/+$/, '') + (below.startsWith('/') ? below : `/${below}`));
  for (const [name, value] of Object.entries(more.query ?? {})) url.searchParams.set(name, value);
  return url;
}

function set<T extends object>(partial: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(partial ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function safeBase(options: HyperMemoryOptions): URL {
  const url = URL.parse(options.baseUrl);
  // A URL with a user in it would be quoted by errors; the key travels in a header only.
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new KeyturnError('CONFIG_INVALID', `The baseUrl of issuer ${options.name} is not a plain http(s) address.`, {
      todo: `Set it to the API's address without user, query or fragment, e.g. ${DEFAULT_BASE_URL}.`,
      effect: 'none',
    });
  }
  return url;
}
