/** A scanner of one's own that reports a leaked key: it signs by docs/leaks.md, not with Keyturn's code. */
import { createHmac } from 'node:crypto';

export interface LeakReport {
  readonly url: string;
  readonly signature: string;
  readonly body: string;
}

/** Where the key was found, as the scanner says. */
export const FOUND_AT = 'https://github.com/example/app/blob/main/app.env';

const SHOWN_OF_KEY = 8;
const SHOWN_OF_SIGNATURE = 22;
const ANSWER_MS = 5_000;

export function signedReport(url: string, secret: string, key: string, now: number): LeakReport {
  const body = `{"leaks": [{"value": ${JSON.stringify(key)}, "url": ${JSON.stringify(FOUND_AT)}}]}`;
  const seconds = Math.floor(now / 1_000);
  return { url, body, signature: `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}` };
}

/** As `curl` would say it, with neither the key nor the whole signature. */
export function shownReport({ url, signature, body }: LeakReport, key: string): string {
  return `curl -d '${body.replace(key, `${key.slice(0, SHOWN_OF_KEY)}…`)}' -H 'X-Keyturn-Signature: ${signature.slice(0, SHOWN_OF_SIGNATURE)}…' ${url}`;
}

/** Answers the status. */
export async function post({ url, signature, body }: LeakReport): Promise<number> {
  const response = await fetch(url, { method: 'POST', headers: { 'x-keyturn-signature': signature, 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(ANSWER_MS) });
  await response.arrayBuffer();
  return response.status;
}
