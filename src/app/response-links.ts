/** The address of the page where a response is decided on: made right before a message is sent, since whoever has it may decide. */
import type { ApprovalTokens } from '../core/approval.ts';
import type { Notice } from '../core/vocabulary.ts';

/** `base`: where the control API is reached from outside; without it there is no link. */
export function withLink(notice: Notice, tokens: ApprovalTokens, base: string | undefined): Notice {
  if (notice.ask === undefined || base === undefined) return notice;
  const { response, expiresAt } = notice.ask;
  return { ...notice, ask: { ...notice.ask, url: `${base.replace(/\/+$/, '')}/approve/${tokens.token(response, new Date(expiresAt))}` } };
}
