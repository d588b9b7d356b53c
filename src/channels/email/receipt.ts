/** What the ledger keeps of a mail: its Message-ID, and its subject, which the answers to it must keep. */
export interface MailRoot {
  readonly messageId: string;
  /** Empty when it is not known. */
  readonly subject: string;
}

export function receiptOf({ messageId, subject }: MailRoot): string {
  return subject === '' ? messageId : `${messageId} ${subject}`;
}

/** Null for what is no receipt of ours. */
export function rootOf(receipt: string | null): MailRoot | null {
  const [, messageId, subject = ''] = /^(<[^<>\s@]+@[^<>\s@]+>)(?: (.+))?$/u.exec(receipt ?? '') ?? [];
  return messageId === undefined ? null : { messageId, subject };
}
