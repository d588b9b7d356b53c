/**
 * Keyturn's own calls carry a user agent by which they are left out of usage: they are no use of a key. It can't be a mere
 * name: whoever stole a key would give it and be unseen. So it derives from the admin key, which every worker has.
 */
import { createHmac } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';

/** `keyturn/` and 96 bits; nothing of the admin key can be learned from it. */
export function ownMark(adminKey: Secret): string {
  return `keyturn/${createHmac('sha256', adminKey.reveal()).update('keyturn/own-calls/1').digest('hex').slice(0, 24)}`;
}
