/**
 * How Keyturn signs what it posts: `X-Keyturn-Signature: t=<unix seconds>,v1=<hex>`, where v1 is HMAC-SHA-256 over
 * `<t>.<body>` with the secret that both sides share. docs/channels.md shows how a receiver verifies it.
 */
import { createHmac } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/** `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`. */
export function signature(body: string, secret: Secret, unixSeconds: number): string {
  const mac = createHmac('sha256', secret.reveal()).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${mac}`;
}
