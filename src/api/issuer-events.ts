/** `POST /v1/issuers/:issuer/events`: what an issuer's service says of itself. It has a token of its own, which opens nothing else. */
import type { FastifyInstance } from 'fastify';
import type { IssuerEventAnswer, IssuerEventRequest } from '../app/operations.ts';
import { bearerOf, type Door } from './caller.ts';

export const EVENTS_PATH = '/v1/issuers/:issuer/events';
/** Bytes. */
const LARGEST = 16 * 1024;

export type TakeIssuerEvent = (request: IssuerEventRequest) => Promise<IssuerEventAnswer>;

/** Bodies are taken as bytes whatever they call themselves: nothing is parsed before the token was looked at. */
export function registerIssuerEvents(app: FastifyInstance, take: TakeIssuerEvent, door: Door): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: LARGEST }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { issuer: string } }>(EVENTS_PATH, { bodyLimit: LARGEST }, async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await take({ issuer: request.params.issuer, token: bearerOf(request.headers.authorization), trusted: door.kind === 'socket', body });
      return await reply.code(202).type('application/json; charset=utf-8').send(JSON.stringify(answer));
    });
  });
}
