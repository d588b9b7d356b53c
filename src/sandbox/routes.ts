import { notFound } from './answer.ts';
import type { AnyOperation } from './execute.ts';
import { createKey, deleteKey, listKeys } from './operations/api-keys.ts';
import { auditLog } from './operations/audit-log.ts';
import { mcp, mcpStream } from './operations/mcp.ts';
import { addRelationships, forget, getRelationships, health, overview, recall, store, update } from './operations/memory.ts';
import { distribution, history, usage } from './operations/usage.ts';

export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly operation: AnyOperation;
}

/** Every path of the API that the sandbox answers. */
export const API_ROUTES: readonly ApiRoute[] = [
  { method: 'GET', url: '/v1/api-keys', operation: listKeys },
  { method: 'POST', url: '/v1/api-keys', operation: createKey },
  { method: 'DELETE', url: '/v1/api-keys/:id', operation: deleteKey },
  { method: 'GET', url: '/v1/usage', operation: usage },
  { method: 'GET', url: '/v1/usage/history', operation: history },
  { method: 'GET', url: '/v1/usage/queries/distribution', operation: distribution },
  { method: 'GET', url: '/v1/audit-log', operation: auditLog },
  { method: 'POST', url: '/api/v1/memory/store', operation: store },
  { method: 'POST', url: '/api/v1/memory/recall', operation: recall },
  { method: 'POST', url: '/api/v1/memory/update', operation: update },
  { method: 'POST', url: '/api/v1/memory/forget', operation: forget },
  { method: 'GET', url: '/api/v1/memory/overview', operation: overview },
  { method: 'POST', url: '/api/v1/memory/relationships', operation: addRelationships },
  { method: 'GET', url: '/api/v1/memory/relationships/:key', operation: getRelationships },
  { method: 'GET', url: '/api/v1/memory/health', operation: health },
  { method: 'POST', url: '/mcp', operation: mcp },
  { method: 'GET', url: '/mcp', operation: mcpStream },
];

/** What every other path answers, to those who show a valid key. */
export const NOWHERE: AnyOperation = { needs: null, run: () => notFound('There is nothing at this path.') };
