import { z } from 'zod';
import { methodNotAllowed, ok, Refusal } from '../answer.ts';
import type { Answer } from '../answer.ts';
import type { AnyOperation, Call, Operation } from '../execute.ts';
import { addRelationships, forget, forgetSchema, linkSchema, overview, recall, recallSchema, store, storeSchema, update, updateSchema } from './memory.ts';

interface Tool {
  readonly description: string;
  readonly input: z.ZodType;
  readonly operation: Operation;
}

/** The memory operations under the names that HyperMemory's MCP server gives them. */
const TOOLS: Readonly<Record<string, Tool>> = {
  memory_store: { description: 'Save new information to memory.', input: storeSchema, operation: store },
  memory_recall: { description: 'Search memory.', input: recallSchema, operation: recall },
  memory_update: { description: 'Change a memory.', input: updateSchema, operation: update },
  memory_forget: { description: 'Remove a memory.', input: forgetSchema, operation: forget },
  memory_get_overview: { description: 'Summarize memory.', input: z.object({}), operation: overview },
  memory_add_relationships: { description: 'Link memories.', input: linkSchema, operation: addRelationships },
};

const PROTOCOL_VERSIONS = ['2025-06-18', '2025-03-26', '2024-11-05'] as const;
const RPC = { invalidRequest: -32_600, methodNotFound: -32_601, invalidParams: -32_602 } as const;

const request = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string(),
  params: z.record(z.string(), z.unknown()).default({}),
});
type Request = z.output<typeof request>;

const toolCall = z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) });

/**
 * `POST /mcp`: JSON-RPC over one HTTP request, without sessions or streams. A key that is wrong, lacks a scope or
 * asks too often gets the same HTTP error as over REST; what a tool refuses is a result with `isError`.
 */
export const mcp: AnyOperation = (call) => {
  const parsed = request.safeParse(call.body);
  if (!parsed.success) return always(rpcError(null, RPC.invalidRequest, 'Expected one JSON-RPC 2.0 request.'));
  const message = parsed.data;
  return message.method === 'tools/call' ? callTool(message) : always(METHODS[message.method]?.(message) ?? unknownMethod(message));
};

/** `GET /mcp`: this server offers no stream. */
export const mcpStream: Operation = always(methodNotAllowed('POST'));

const METHODS: Readonly<Record<string, (message: Request) => Answer>> = {
  initialize: (message) =>
    rpcResult(message, {
      protocolVersion: PROTOCOL_VERSIONS.find((version) => version === message.params['protocolVersion']) ?? PROTOCOL_VERSIONS[0],
      capabilities: { tools: {} },
      serverInfo: { name: 'hypermemory', version: 'sandbox' },
    }),
  ping: (message) => rpcResult(message, {}),
  'tools/list': (message) =>
    rpcResult(message, {
      tools: Object.entries(TOOLS).map(([name, { description, input }]) => ({ name, description, inputSchema: z.toJSONSchema(input) })),
    }),
};

function callTool(message: Request): Operation {
  const params = toolCall.safeParse(message.params);
  const tool = params.success ? TOOLS[params.data.name] : undefined;
  if (!params.success || !tool) return always(rpcError(message.id ?? null, RPC.invalidParams, 'Expected the name of a listed tool, and its arguments.'));
  const { operation } = tool;
  return { ...operation, run: (call) => rpcResult(message, toolResult(operation, { ...call, body: params.data.arguments })) };
}

function toolResult(operation: Operation, call: Call): object {
  const { body, isError } = outcome(operation, call);
  return { content: [{ type: 'text', text: JSON.stringify(body) }], structuredContent: body, isError };
}

function outcome(operation: Operation, call: Call): { body: unknown; isError: boolean } {
  try {
    return { body: operation.run(call).body, isError: false };
  } catch (error) {
    if (error instanceof Refusal) return { body: error.answer.body, isError: true };
    throw error;
  }
}

/** A message without an id is a notification: accepted, not answered. */
function unknownMethod(message: Request): Answer {
  return message.id === undefined ? { status: 202, body: null } : rpcError(message.id, RPC.methodNotFound, 'No such method.');
}

function rpcResult(message: Request, result: object): Answer {
  return ok({ jsonrpc: '2.0', id: message.id ?? null, result });
}

function rpcError(id: string | number | null, code: number, message: string): Answer {
  return ok({ jsonrpc: '2.0', id, error: { code, message } });
}

function always(answer: Answer): Operation {
  return { needs: null, run: () => answer };
}
