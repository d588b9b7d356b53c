import { z } from 'zod';
import { keySlots, mintKey, revokeKey } from '../account.ts';
import type { Account } from '../account.ts';
import { invalid, keyLimitReached, notFound, ok, Refusal } from '../answer.ts';
import type { Operation } from '../execute.ts';
import { GENERATIONS } from '../plans.ts';
import type { KeyRow } from '../tables/keys.ts';
import { iso, read } from './body.ts';

const LONGEST_NAME = 100;

export const newKeySchema = z.object({
  name: z.string().trim().min(1).max(LONGEST_NAME),
  scopes: z.array(z.string()).min(1),
  graph_id: z.string().min(1).nullish(),
});

/** `GET /v1/api-keys`. A key that a fault hides is missing here, though it works and counts. */
export const listKeys: Operation = {
  needs: 'admin',
  run({ account, now }) {
    const shown = account.keys.all().filter((row) => row.visibleAt <= now && (account.listRevoked || row.revokedAt === null));
    return ok({ keys: shown.map((row) => listed(account, row)) });
  },
};

/** `POST /v1/api-keys {name, scopes, graph_id?}`: 201 with the value, once. */
export const createKey: Operation = {
  needs: 'admin',
  run({ account, body, birth }) {
    const wish = read(newKeySchema, body);
    refuseUnknownScopes(account, wish.scopes);
    refuseWithoutSlot(account);
    const { row, value } = mintKey(account, { name: wish.name, scopes: wish.scopes, graphId: wish.graph_id ?? null, origin: 'api', birth });
    return ok({ ...listed(account, row), key: value }, 201);
  },
};

/** `DELETE /v1/api-keys/{id}`: the key stops working with the next request. 404 when it is unknown or dead already. */
export const deleteKey: Operation = {
  needs: 'admin',
  run({ account, params, now }) {
    const id = params['id'] ?? '';
    if (!revokeKey(account, id)) throw new Refusal(notFound('No active API key has this id.'));
    return ok({ id, status: 'revoked', revoked_at: iso(now) });
  },
};

/** Throws a 422 when the account's generation does not know one of the scopes. */
export function refuseUnknownScopes(account: Account, scopes: readonly string[]): void {
  const known = Object.keys(GENERATIONS[account.generation].scopes);
  const unknown = scopes.filter((scope) => !known.includes(scope));
  if (unknown.length > 0) throw new Refusal(invalid(`scopes: unknown ${unknown.join(', ')}; known are ${known.join(', ')}`));
}

/** Throws a 403 when the plan allows no further key. */
export function refuseWithoutSlot(account: Account): void {
  const { current, limit, full } = keySlots(account);
  if (full && limit !== null) throw new Refusal(keyLimitReached(account.plan(), limit, current));
}

function listed(account: Account, row: KeyRow): object {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    graph_id: row.graphId,
    environment: account.environment,
    status: row.revokedAt === null ? 'active' : 'revoked',
    created_at: iso(row.createdAt),
    last_used_at: iso(row.lastUsedAt),
  };
}
