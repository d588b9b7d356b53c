/** A notice as a mail: headers that thread, that keep auto-responders quiet, and that nothing can be injected into. */
import type { SendMailOptions } from 'nodemailer';
import { cleaned, renderHtml, renderText } from '../../alerts/templates/index.ts';
import type { Outgoing } from '../../ports/channel.ts';

export interface MailAddresses {
  readonly from: string;
  readonly subjectPrefix: string;
}

const MAX_SUBJECT = 180;

export function mailOf(message: Outgoing, addresses: MailAddresses): SendMailOptions {
  const notice = cleaned(message.notice);
  const domain = domainOf(addresses.from);
  const root = notice.rotationId === null ? null : `<rotation.${idPart(notice.rotationId)}@${domain}>`;
  return {
    from: addresses.from,
    subject: headerLine([addresses.subjectPrefix, notice.title].join(' ').trim()),
    text: renderText(notice, { at: message.createdAt }),
    html: renderHtml(notice, { at: message.createdAt }),
    date: message.createdAt,
    messageId: `<${idPart(message.deliveryId)}@${domain}>`,
    ...(root === null ? {} : { references: root, inReplyTo: root }),
    ...(notice.severity === 'critical' ? { priority: 'high' as const } : {}),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'List-Id': `Keyturn notices <keyturn.${domain}>`,
      'X-Keyturn-Delivery': idPart(message.deliveryId),
      'X-Keyturn-Kind': notice.kind,
    },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** One line without control characters, bounded. */
export function headerLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  return line.length <= MAX_SUBJECT ? line : `${line.slice(0, MAX_SUBJECT - 1)}…`;
}

function domainOf(address: string): string {
  const found = /@([A-Za-z0-9.-]+)>?\s*$/.exec(address);
  return found?.[1]?.toLowerCase() ?? 'keyturn.invalid';
}

/** What may stand left of the @ in a Message-ID (RFC 5322 dot-atom, less its stranger marks). */
function idPart(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, '-').replaceAll(/^\.+|\.+$|\.(?=\.)/g, '');
}
