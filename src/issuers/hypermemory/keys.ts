/** List, create, revoke: the calls made with the admin key. */
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { CreateKeyRequest, IssuedKey } from '../../ports/issuer.ts';
import type { Client } from './client.ts';
import { isApiBody, refusal } from './refusals.ts';
import type { FieldName, PathName } from './settings.ts';
import { parseListed, parseMinted, parsePage, type Parsed } from './shapes.ts';
import { badAnswer, hasJson } from './transport.ts';

interface Listing {
  readonly path: PathName;
  readonly action: string;
  readonly names: { readonly items: FieldName; readonly cursor: FieldName };
  readonly query: Readonly<Record<string, string>>;
  readonly maxPages: number;
}

/** All entries of all pages. Throws rather than give a part: a key missing from a list is taken for not created. */
export async function allPages(client: Client, listing: Listing, signal: AbortSignal): Promise<readonly unknown[]> {
  const { name, fields } = client.settings;
  const entries: unknown[] = [];
  const seen = new Set<string>();
  let cursor: string | null = null;
  for (let pages = 0; pages < listing.maxPages; pages += 1) {
    const query = cursor === null ? listing.query : { ...listing.query, cursor };
    const answer = await client.call({ method: 'GET', path: listing.path, query, again: true }, signal);
    if (answer.status !== 200 || !hasJson(answer)) throw refusal(name, listing.action, answer);
    const page = orBadAnswer(name, listing.action, parsePage(answer.json, fields, listing.names));
    entries.push(...page.items);
    cursor = page.cursor ?? null;
    if (cursor === null || cursor === '') return entries;
    if (seen.has(cursor)) throw badAnswer(name, `gives the same cursor twice while Keyturn tries to ${listing.action}`);
    seen.add(cursor);
  }
  throw badAnswer(name, `has more than ${listing.maxPages} pages to ${listing.action}`, 'Raise maxListPages of the issuer if the account really has that many.');
}

/** Every key of the account; revoked ones, where the service lists them, with `live: false`. */
export async function listKeys(client: Client, signal: AbortSignal): Promise<readonly IssuedKey[]> {
  const { name, fields, maxListPages } = client.settings;
  const listing: Listing = { path: 'keys', action: 'list keys', names: { items: 'keys', cursor: 'nextCursor' }, query: {}, maxPages: maxListPages };
  const entries = await allPages(client, listing, signal);
  // Pages may shift while they are read: one entry a key.
  const byId = new Map(entries.map((entry) => orBadAnswer(name, 'list keys', parseListed(entry, fields))).map((key) => [key.id, key]));
  return [...byId.values()];
}

/** Mints one key; a POST is sent once and never again. */
export async function createKey(
  client: Client,
  request: CreateKeyRequest,
  signal: AbortSignal,
): Promise<{ readonly key: IssuedKey; readonly value: Secret }> {
  const { name, fields } = client.settings;
  const body = {
    [fields.requestName]: request.name,
    [fields.requestScopes]: request.scopes,
    ...(request.space === null ? {} : { [fields.requestSpace]: request.space }),
  };
  const action = `create the key ${request.name}`;
  const answer = await client.call({ method: 'POST', path: 'keys', body }, signal);
  if ((answer.status !== 201 && answer.status !== 200) || !hasJson(answer)) throw refusal(name, action, answer);
  const made = orBadAnswer(name, action, parseMinted(answer.json, fields));
  return { key: made.key, value: new Secret(made.value) };
}

/**
 * Revokes by id. A 404 counts as `gone` only if the list agrees: a wrong path answers 404 too, and the key would live
 * on. Goes out at once, whatever pause was asked for.
 */
export async function revokeKey(client: Client, keyId: string, signal: AbortSignal): Promise<'revoked' | 'gone'> {
  const { name } = client.settings;
  const action = `revoke the key ${keyId}`;
  if (/^\.*$/.test(keyId)) {
    throw new KeyturnError('ISSUER_REJECTED', `HyperMemory issuer ${name} can't revoke a key without an id.`, { effect: 'none' });
  }
  const answer = await client.call({ method: 'DELETE', path: 'key', keyId, again: true, urgent: true }, signal);
  if (answer.status === 200 || answer.status === 204) {
    // A page of HTML with status 200 (a login page, a proxy) revoked nothing.
    if (answer.html) throw refusal(name, action, answer);
    return 'revoked';
  }
  if (answer.status !== 404 || !isApiBody(answer.json)) throw refusal(name, action, answer);
  const keys = await listKeys(client, signal);
  if (keys.every((key) => key.id !== keyId || !key.live)) return 'gone';
  throw badAnswer(
    name,
    `answered 404 to the attempt to ${action}, but still lists it as live`,
    "Check the issuer's paths.key; if it was revoked a moment ago, this passes by itself.",
  );
}

function orBadAnswer<T>(issuer: string, action: string, parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw badAnswer(
    issuer,
    `answered the attempt to ${action} in a shape that Keyturn does not know (${parsed.why})`,
    "Check the issuer's fields; `keyturn doctor` says which of them the service answers.",
  );
}
