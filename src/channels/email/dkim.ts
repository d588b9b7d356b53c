/**
 * DKIM (RFC 6376) by nodemailer, which signs with RSA and sends unsigned, without a word, when the key can't be used: so
 * the key is tried first.
 */
import { createPrivateKey } from 'node:crypto';
import type { DKIMOptions } from 'nodemailer';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

export interface DkimConfig {
  /** Where the public key is published: `<selector>._domainkey.<domain>`. */
  readonly domain: string;
  readonly selector: string;
  /** RSA, as PEM; read anew for each message. */
  readonly key: () => Promise<Secret> | Secret;
}

/** Throws CHANNEL_REFUSED for a key that can't sign. */
export async function dkimOptions(config: DkimConfig, channel: string): Promise<DKIMOptions> {
  const pem = (await config.key()).reveal();
  if (!signsRsa(pem)) {
    throw new KeyturnError('CHANNEL_REFUSED', `The DKIM key of channel ${channel} is no RSA private key in PEM form.`, {
      todo: 'Put such a key where the configuration refers to, for example by `openssl genrsa 2048`.',
      effect: 'none',
    });
  }
  return { domainName: config.domain, keySelector: config.selector, privateKey: pem };
}

function signsRsa(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}
