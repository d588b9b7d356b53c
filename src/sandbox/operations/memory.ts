import { z } from 'zod';
import { notFound, ok, quotaExceeded, Refusal } from '../answer.ts';
import type { Call, Operation } from '../execute.ts';
import type { MemoryNode } from '../tables/nodes.ts';
import { read } from './body.ts';

const key = z.string().min(1).max(500);
const data = z.record(z.string(), z.unknown()).optional();
const DEFAULT_RESULTS = 10;

export const storeSchema = z.object({
  key,
  description: z.string().min(1),
  node_type: z.string().nullish(),
  data,
  relationships: z.array(z.object({ to_key: key, relationship: z.string() })).optional(),
});

export const recallSchema = z.object({ query: z.string().min(1), max_results: z.number().int().min(1).max(100).optional() });

export const updateSchema = z.object({ key, description: z.string().min(1).optional(), node_type: z.string().nullish(), data });

export const forgetSchema = z.object({ key, cascade: z.boolean().optional() });

export const linkSchema = z.object({ relationships: z.array(z.object({ from_key: key, to_key: key, relationship: z.string() })).min(1) });

/** Stores a node; storing a key again replaces it, so a repeated request does no harm. */
export const store: Operation = {
  needs: 'write',
  memory: true,
  run(call) {
    const { account, graph, now } = call;
    const wish = read(storeSchema, call.body);
    refuseWithoutRoom(call, wish.key);
    const node = { key: wish.key, description: wish.description, nodeType: wish.node_type ?? null, data: wish.data ? JSON.stringify(wish.data) : null };
    account.nodes.put(graph, node, now);
    const links = wish.relationships ?? [];
    for (const { to_key, relationship } of links) account.nodes.link(graph, { from_key: wish.key, to_key, relationship });
    return ok({ stored: wish.key, type: node.nodeType, detected: [], relationships: links.length });
  },
};

/** Ranks nodes by the share of the query's words that they hold: enough for checks, no search engine. */
export const recall: Operation = {
  needs: 'read',
  memory: true,
  run({ account, graph, body }) {
    const { query, max_results } = read(recallSchema, body);
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const results = account.nodes
      .all(graph)
      .map((node) => ({ key: node.key, description: node.description, node_type: node.nodeType, score: score(node, words) }))
      .filter((result) => result.score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, max_results ?? DEFAULT_RESULTS);
    return ok({ results, count: results.length });
  },
};

export const update: Operation = {
  needs: 'write',
  memory: true,
  run({ account, graph, body, now }) {
    const wish = read(updateSchema, body);
    const old = account.nodes.get(graph, wish.key) ?? missing();
    const nodeType = wish.node_type === undefined ? old.nodeType : wish.node_type;
    account.nodes.put(graph, { key: old.key, description: wish.description ?? old.description, nodeType, data: wish.data ? JSON.stringify(wish.data) : old.data }, now);
    return ok({ updated: wish.key, detected: [] });
  },
};

/** Forgets a node, and with `cascade` its relationships. */
export const forget: Operation = {
  needs: 'write',
  memory: true,
  run({ account, graph, body }) {
    const { key, cascade = true } = read(forgetSchema, body);
    if (!account.nodes.get(graph, key)) missing();
    account.nodes.remove(graph, key);
    if (cascade) account.nodes.unlink(graph, key);
    return ok({ deleted: true, key, cascade });
  },
};

export const overview: Operation = {
  needs: 'read',
  memory: true,
  run({ account, graph }) {
    const nodes = account.nodes.all(graph);
    const types = new Set(nodes.flatMap(({ nodeType }) => nodeType ?? []));
    return ok({ graph_id: graph, nodes: nodes.length, edges: account.nodes.edges(graph).length, hyperedges: 0, types: [...types].sort() });
  },
};

export const addRelationships: Operation = {
  needs: 'write',
  memory: true,
  run({ account, graph, body }) {
    const { relationships } = read(linkSchema, body);
    for (const edge of relationships) account.nodes.link(graph, edge);
    return ok({ created: relationships.length });
  },
};

export const getRelationships: Operation = {
  needs: 'read',
  memory: true,
  run({ account, graph, params }) {
    const key = params['key'] ?? '';
    if (!account.nodes.get(graph, key)) missing();
    return ok(account.nodes.edges(graph, key));
  },
};

export const health: Operation = { needs: null, run: () => ok({ status: 'ok' }) };

function score(node: MemoryNode, words: readonly string[]): number {
  const text = `${node.key} ${node.description} ${node.nodeType ?? ''}`.toLowerCase();
  return words.filter((word) => text.includes(word)).length / words.length;
}

function missing(): never {
  throw new Refusal(notFound('No node has this key.'));
}

function refuseWithoutRoom({ account, graph }: Call, key: string): void {
  const limit = account.limits().nodes;
  const current = account.nodes.countAll();
  if (limit === null || current < limit || account.nodes.get(graph, key)) return;
  throw new Refusal(quotaExceeded(account.plan(), 'nodes', limit, current, null));
}
