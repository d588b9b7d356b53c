import { simpleParser } from 'mailparser';
import type { ParsedMail } from 'mailparser';
import type { CaughtMail } from '../../src/demo/catchers.ts';

export { startMailCatcher } from '../../src/demo/catchers.ts';
export type { CaughtMail, MailCatcher, MailFault } from '../../src/demo/catchers.ts';

/** A caught mail as a mail reader understands it. */
export function parsed(mail: CaughtMail): Promise<ParsedMail> {
  return simpleParser(mail.raw);
}
