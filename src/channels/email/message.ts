/** A notice as a mail: headers that thread, that keep auto-responders quiet, and that nothing can be injected into. */
import type { SendMailOptions } from 'nodemailer';
import { bounded, cleaned, lookOf, orPlainly, renderHtml, renderText } from '../../alerts/templates/index.ts';
import type { Notice } from '../../core/vocabulary.ts';
import type { Outgoing } from '../../ports/channel.ts';
import { rootOf } from './receipt.ts';

export interface MailAddresses {
  readonly from: string;
  readonly subjectPrefix: string;
}

const MAX_SUBJECT = 180;

export function mailOf(message: Outgoing, addresses: MailAddresses): SendMailOptions {
  const domain = domainOf(addresses.from);
  const { notice, incident, createdAt: at } = message;
  return {
    from: addresses.from,
    ...bodyOf(message, addresses.subjectPrefix),
    date: at,
    ...threadOf(message, domain),
    ...(notice.severity === 'critical' && (incident === null || incident.status === 'firing') ? { priority: 'high' as const } : {}),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'List-Id': `Keyturn notices <keyturn.${domain}>`,
      'X-Keyturn-Delivery': idPart(message.deliveryId),
      'X-Keyturn-Kind': idPart(notice.kind),
      ...(incident === null ? {} : { 'X-Keyturn-Incident': idPart(incident.id), 'X-Keyturn-Status': incident.status }),
    },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/**
 * Subject, text and HTML; plain text alone when a template fails. Answers to a thread keep its subject: mail readers group by it too. Not those
 * that ask for a decision: an inbox must show that somebody waits for it.
 */
function bodyOf({ notice, incident, createdAt: at }: Outgoing, prefix: string): Pick<SendMailOptions, 'subject' | 'text' | 'html'> {
  const root = rootOf(incident?.rootReceipt ?? null);
  const subject = (title: string): string => (root?.subject && notice.ask === undefined ? headerLine(`Re: ${root.subject}`) : headerLine([prefix, title].join(' ').trim()));
  const options = { at, ...(incident === null ? {} : { status: incident.status }) };
  return orPlainly<Pick<SendMailOptions, 'subject' | 'text' | 'html'>>(
    notice,
    () => {
      const shown = bounded(cleaned(notice));
      return { subject: subject(shown.title), text: renderText(titled(shown, options.status), options), html: renderHtml(shown, options) };
    },
    ({ title, text }) => ({ subject: subject(title), text }),
  );
}

/** The HTML form has a badge that says how things stand; as text, the first line does. */
function titled(notice: Notice, status: Parameters<typeof lookOf>[1]): Notice {
  const { word } = lookOf(notice, status);
  const calm = status === 'resolved' || status === 'expired' || status === 'silenced' || status === 'recovering';
  return calm && !notice.title.toLowerCase().includes(word.toLowerCase()) ? { ...notice, title: `${word}: ${notice.title}` } : notice;
}

/** One thread an incident, else one a rotation: what comes later answers the first. */
function threadOf({ deliveryId, incident, notice }: Outgoing, domain: string): Pick<SendMailOptions, 'messageId' | 'inReplyTo' | 'references'> {
  const own = `<${idPart(deliveryId)}@${domain}>`;
  if (incident !== null) {
    const first = `<incident.${idPart(incident.id)}@${domain}>`;
    const root = rootOf(incident.rootReceipt)?.messageId ?? null;
    return root === null ? { messageId: first } : { messageId: own, inReplyTo: root, references: root };
  }
  if (notice.rotationId === null) return { messageId: own };
  const root = `<rotation.${idPart(notice.rotationId)}@${domain}>`;
  return { messageId: own, inReplyTo: root, references: root };
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
