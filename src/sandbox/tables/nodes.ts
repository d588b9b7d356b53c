import type { DatabaseSync } from 'node:sqlite';

export interface MemoryNode {
  readonly key: string;
  readonly description: string;
  readonly nodeType: string | null;
  /** Structured data as JSON text. */
  readonly data: string | null;
}

export interface MemoryEdge {
  readonly from_key: string;
  readonly to_key: string;
  readonly relationship: string;
}

/** The memory of an account: one small hypergraph per graph id. */
export interface NodeTable {
  put(graph: string, node: MemoryNode, at: number): void;
  get(graph: string, key: string): MemoryNode | undefined;
  all(graph: string): MemoryNode[];
  remove(graph: string, key: string): void;
  /** Of every graph. */
  countAll(): number;
  link(graph: string, edge: MemoryEdge): void;
  unlink(graph: string, key: string): void;
  edges(graph: string, key?: string): MemoryEdge[];
}

export function nodeTable(db: DatabaseSync): NodeTable {
  const columns = 'key, description, node_type as "nodeType", data';
  const put = db.prepare('insert or replace into nodes (graph_id, key, description, node_type, data, updated_at) values (?, ?, ?, ?, ?, ?)');
  const get = db.prepare(`select ${columns} from nodes where graph_id = ? and key = ?`);
  const all = db.prepare(`select ${columns} from nodes where graph_id = ? order by updated_at desc`);
  const remove = db.prepare('delete from nodes where graph_id = ? and key = ?');
  const link = db.prepare('insert or ignore into edges (graph_id, from_key, to_key, relationship) values (?, ?, ?, ?)');
  const unlink = db.prepare('delete from edges where graph_id = :graph and (from_key = :key or to_key = :key)');
  // Counting rows is a scan, and the count is wanted on every request: keep it beside the table.
  let total = Number(db.prepare('select count(*) as n from nodes').get()?.['n']);
  const edges = db.prepare('select from_key, to_key, relationship from edges where graph_id = :graph and (:key is null or from_key = :key or to_key = :key)');

  return {
    put(graph, node, at) {
      if (!get.get(graph, node.key)) total += 1;
      put.run(graph, node.key, node.description, node.nodeType, node.data, at);
    },
    get: (graph, key) => get.get(graph, key) as unknown as MemoryNode | undefined,
    all: (graph) => all.all(graph) as unknown as MemoryNode[],
    remove(graph, key) {
      total -= Number(remove.run(graph, key).changes);
    },
    countAll: () => total,
    link: (graph, edge) => void link.run(graph, edge.from_key, edge.to_key, edge.relationship),
    unlink: (graph, key) => void unlink.run({ graph, key }),
    edges: (graph, key) => edges.all({ graph, key: key ?? null }) as unknown as MemoryEdge[],
  };
}
