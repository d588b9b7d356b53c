/** `POST /v1/usage/:source`: usage that others push, NDJSON. It has a token of its own, which opens nothing else. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { KeyturnError } from '../core/errors.ts';
import type { PushAnswer, PushRequest } from '../app/operations.ts';
import { bearerOf, type Door } from './caller.ts';

export const PUSH_PATH = '/v1/usage/:source';
/** As sent, bytes; unpacked it may be as large as its source allows. */
const LARGEST_SENT = 16 * 1024 * 1024;
const LONGEST_ID = 200;

export type PushUsage = (request: PushRequest) => Promise<PushAnswer>;

/** Bodies are taken as bytes whatever they call themselves: what they are is judged line by line. */
export function registerPush(app: FastifyInstance, pushUsage: PushUsage, door: Door): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: LARGEST_SENT }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { source: string } }>(PUSH_PATH, { bodyLimit: LARGEST_SENT }, async (request, reply) => {
      const answer = await pushUsage({
        source: request.params.source,
        token: bearerOf(request.headers.authorization),
        trusted: door.kind === 'socket',
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        gzip: gzipOf(request),
        batchId: idOf(request),
      });
      return await reply.code(200).type('application/json; charset=utf-8').send(JSON.stringify(answer));
    });
  });
}

/** Throws USAGE for an encoding that is not known. */
function gzipOf({ headers }: FastifyRequest): boolean {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return false;
  if (encoding === 'gzip') return true;
  throw new KeyturnError('USAGE', 'The body is encoded in a way that is not known.', { todo: 'Send it plain or with `content-encoding: gzip`.', effect: 'none' });
}

/** Null without one. Throws USAGE for one that can't be kept. */
function idOf({ headers }: FastifyRequest): string | null {
  const id = headers['idempotency-key'];
  if (id === undefined) return null;
  if (typeof id === 'string' && id !== '' && id.length <= LONGEST_ID && /^[\x20-\x7e]+$/.test(id)) return id;
  throw new KeyturnError('USAGE', `The header idempotency-key is longer than ${LONGEST_ID} characters, or holds odd ones.`, { todo: 'Send a UUID, or leave it out.', effect: 'none' });
}
