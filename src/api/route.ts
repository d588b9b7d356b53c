/** The shape of one row of the route table, and the helper that types its handler by its schemas. */
import type { z } from 'zod';
import type { Health, Operations } from '../app/operations.ts';
import type { Actor } from '../core/vocabulary.ts';

export interface Backend {
  readonly operations: Operations;
  readonly health: Health;
}

/** What a handler gets: everything validated, the actor already bound to where the request came from. */
export interface Call<Params, Query, Body> {
  readonly backend: Backend;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The actor to record: `who` is partly ours, so that it can't be forged over TCP. */
  readonly actor: Actor;
  /** Aborted when the client goes away or the API closes. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly type: 'json' | 'metrics' | 'markdown' | 'html';
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  run(call: Call<unknown, unknown, unknown>): Promise<Answer>;
}

interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly summary: string;
  run(call: Call<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer>;
}

/** One row. The server parses with the same schemas before it calls `run`, which is why the types may be trusted. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  method: Route['method'],
  path: string,
  spec: RouteSpec<P, Q, B>,
): Route {
  return {
    method, path, summary: spec.summary, params: spec.params, query: spec.query, body: spec.body,
    run: (call) => spec.run(call as Call<z.output<P>, z.output<Q>, z.output<B>>),
  };
}

export const json = (body: unknown, status = 200): Answer => ({ status, type: 'json', body });

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Drops fields that were not given: `exactOptionalPropertyTypes` tells absent from undefined. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
