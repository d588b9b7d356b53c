/** `/approve/:token`: the pages by which people decide on a response. The link is what lets them in, and it opens nothing else. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AnswerApproval, ApprovalAnswer, ApprovalRequest } from '../app/approvals.ts';

export const APPROVE_PATH = '/approve/:token';

const LARGEST_FORM = 4_096;
/** Nothing is run, loaded or framed; the form goes where it came from; and no address with a token is told to anybody. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-robots-tag': 'noindex, nofollow',
} as const;

interface Params {
  readonly Params: { readonly token: string };
}

export function registerApprovals(app: FastifyInstance, answer: AnswerApproval): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: LARGEST_FORM }, (_request, body, done) => done(null, new URLSearchParams(String(body))));
    // Scanners of mail and chat open links, and some of them only ask for the head.
    scope.get<Params>(APPROVE_PATH, async (request, reply) => await send(reply, await answer({ token: request.params.token, wants: 'look', name: '' })));
    scope.post<Params>(APPROVE_PATH, { bodyLimit: LARGEST_FORM }, async (request, reply) => await send(reply, await answer(posted(request.params.token, request.body))));
  });
}

/** A form without a decision is a look. */
function posted(token: string, body: unknown): ApprovalRequest {
  const form = body instanceof URLSearchParams ? body : new URLSearchParams();
  const decision = form.get('decision');
  return { token, wants: decision === 'approve' || decision === 'decline' ? decision : 'look', name: form.get('name') ?? '' };
}

async function send(reply: FastifyReply, { status, html }: ApprovalAnswer): Promise<FastifyReply> {
  return await reply.code(status).headers(HEADERS).type('text/html; charset=utf-8').send(html);
}
