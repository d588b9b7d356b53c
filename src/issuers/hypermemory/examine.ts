import { describeError, KeyturnError } from '../../core/errors.ts';
import type { Examination } from '../../ports/issuer.ts';
import type { Client } from './client.ts';
import { child } from './json.ts';
import { said } from './refusals.ts';
import { address, type FieldName, type PathName } from './settings.ts';
import { hasJson } from './transport.ts';

interface Look {
  readonly path: PathName;
  /** Where the entries are whose fields are looked for; the answer itself when absent. */
  readonly entries?: FieldName;
  /** Fields without which Keyturn can't work with this answer. */
  readonly needed: readonly FieldName[];
  /** Fields whose absence costs something; the text says what. */
  readonly wished: Readonly<Partial<Record<FieldName, string>>>;
  /** What is lost when the address is not served. Undefined: nothing works without it. */
  readonly without?: string;
  readonly query?: Readonly<Record<string, string>>;
}

const LOOKS: readonly Look[] = [
  {
    path: 'keys',
    entries: 'keys',
    needed: ['id', 'name', 'prefix', 'scopes'],
    wished: {
      createdAt: 'the age of keys it did not make is unknown',
      lastUsedAt: 'old keys are never seen to be quiet (set lastUse: false)',
      status: 'every listed key counts as live',
    },
  },
  { path: 'usage', needed: [], wished: { plan: 'set plan or keyLimit', queriesPercentage: 'a used-up quota stops no rotation beforehand', queriesCurrent: 'a quota that will not last is not foreseen', queriesLimit: 'a quota that will not last is not foreseen', periodStart: 'the pace of the quota is unknown', periodEnd: 'the pace of the quota is unknown' }, without: 'plan and quota are unknown' },
  {
    path: 'auditLog',
    entries: 'events',
    needed: ['eventType', 'eventKeyId'],
    wished: {
      eventId: 'as a usage source, events that are listed twice are told by their fields',
      eventAt: 'it is no usage source',
      eventAddress: 'callers are known by their user agent only',
      eventUserAgent: "adoption can't be proved, and Keyturn's own calls count as use",
      eventMethod: 'which scopes keys need is unknown',
      eventPath: 'which scopes keys need is unknown',
      eventStatus: 'what was refused counts as allowed',
    },
    without: 'requests today and error rate are unknown, and it is no usage source',
    query: { limit: '20' },
  },
  { path: 'overview', needed: [], wished: {}, without: "keys can't be probed" },
];

/** Each GET once, with the admin key: what the real service answers of what is assumed. Changes nothing. */
export async function examine(client: Client, signal: AbortSignal): Promise<readonly Examination[]> {
  const seen: Examination[] = [...plainHttp(client)];
  for (const look of LOOKS) seen.push(await lookAt(client, look, signal));
  const { paths } = client.settings;
  const untried = `POST ${paths.keys}, DELETE ${paths.key}, POST ${paths.store}, ${paths.recall}, ${paths.forget}`;
  return [...seen, { what: untried, ok: true, detail: 'not tried, because they change something; the first rotation proves them' }];
}

async function lookAt(client: Client, look: Look, signal: AbortSignal): Promise<Examination> {
  const what = `GET ${client.settings.paths[look.path]}`;
  try {
    const answer = await client.call({ method: 'GET', path: look.path, query: look.query ?? {}, again: true }, signal);
    if (answer.status === 200 && hasJson(answer)) return { what, ...fieldsOf(client, look, answer.json) };
    const words = answer.html ? 'HTML' : said(answer.json);
    if (answer.status === 401 || answer.status === 403) return { what, ok: false, detail: `answers ${answer.status}${words === '' ? '' : ` (${words})`}; the admin key is refused there, so nothing more can be told` };
    const lost = look.without === undefined ? 'Keyturn needs it' : `without it, ${look.without}`;
    return { what, ok: false, detail: `answers ${answer.status}${words === '' ? '' : ` (${words})`}; ${lost}. If the service has it elsewhere, set paths.${look.path}` };
  } catch (thrown) {
    if (thrown instanceof KeyturnError) return { what, ok: false, detail: describeError(thrown) };
    throw thrown;
  }
}

function fieldsOf(client: Client, look: Look, json: unknown): { ok: boolean; detail: string } {
  const { fields, keyLimit } = client.settings;
  const entries = look.entries === undefined ? [json] : child(json, fields[look.entries]);
  if (!Array.isArray(entries)) return { ok: false, detail: `answers 200, but has no list "${fields[look.entries ?? 'keys']}"; set fields.${look.entries}` };
  if (entries.length === 0) return { ok: true, detail: 'answers 200; nothing is listed yet, so its fields are not known' };
  const served = (name: FieldName): boolean => entries.some((entry) => child(entry, fields[name]) !== undefined);
  const asked = [...look.needed, ...(Object.keys(look.wished) as FieldName[])].filter((name) => name !== 'plan' || keyLimit === undefined);
  const missing = asked.filter((name) => !served(name));
  const present = asked.filter(served).map((name) => fields[name]);
  const lacks = missing.map((name) => `lacks "${fields[name]}"${consequence(look, name)}`);
  const detail = ['answers 200', ...(present.length === 0 ? [] : [`has ${present.join(', ')}`]), ...lacks].join('; ');
  return { ok: missing.every((name) => !look.needed.includes(name)), detail };
}

function consequence(look: Look, name: FieldName): string {
  const cost = look.wished[name];
  return cost === undefined ? `, set fields.${name}` : ` (${cost}; or set fields.${name})`;
}

function plainHttp(client: Client): readonly Examination[] {
  const url = address(client.settings, 'keys');
  if (url.protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) return [];
  return [{ what: `baseUrl ${url.origin}`, ok: false, detail: 'is not https: the admin key travels readable by anyone on the way. Use https' }];
}
