/** `POST /v1/leaks/:source`: reports of leaked keys. Each source proves itself in its own way, which opens nothing else. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LARGEST_LEAK_BODY } from '../app/leak-sources.ts';
import type { LeakAnswer, LeakDeliveryRequest } from '../app/leak-views.ts';
import { admitted, type Door } from './caller.ts';

export const LEAKS_PATH = '/v1/leaks/:source';

export type TakeLeaks = (request: LeakDeliveryRequest) => Promise<LeakAnswer>;

/** Bodies are taken as bytes whatever they call themselves: signatures are over bytes, and nothing is parsed before they are verified. */
export function registerLeaks(app: FastifyInstance, take: TakeLeaks, door: Door): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: LARGEST_LEAK_BODY }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { source: string } }>(LEAKS_PATH, { bodyLimit: LARGEST_LEAK_BODY }, async (request, reply) => {
      const answer = await take({
        source: request.params.source,
        headers: single(request.headers),
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        trusted: admitted(door, '', request.headers.authorization),
      });
      return await reply.code(202).type('application/json; charset=utf-8').send(JSON.stringify(answer));
    });
  });
}

/** A header that came twice says nothing. */
function single(headers: FastifyRequest['headers']): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]));
}
