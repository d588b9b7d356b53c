/** How senders sign, by Web Crypto and by hand: not by the code that is tested. */
import type { LeakDelivery } from '../../src/ports/leak-source.ts';

const { subtle } = globalThis.crypto;
const hexOf = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export async function hmac(key: string, ...parts: readonly (string | Buffer)[]): Promise<string> {
  const imported = await subtle.importKey('raw', new TextEncoder().encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return hexOf(await subtle.sign('HMAC', imported, new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))))));
}

export const SECRET = 'shared-secret-of-the-tests';

export async function github(body: Buffer, { event = 'secret_scanning_alert', secret = SECRET } = {}): Promise<LeakDelivery> {
  return { body, headers: { 'x-github-event': event, 'x-hub-signature-256': `sha256=${await hmac(secret, body)}` } };
}

export async function gitguardian(body: Buffer, at: Date): Promise<LeakDelivery> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  return { body, headers: { timestamp, 'gitguardian-signature': `sha256=${await hmac(`${timestamp}${SECRET}`, body)}` } };
}

export async function signed(body: Buffer, at: Date): Promise<LeakDelivery> {
  const seconds = Math.floor(at.getTime() / 1_000);
  return { body, headers: { 'x-keyturn-signature': `t=${seconds},v1=${await hmac(SECRET, `${seconds}.`, body)}` } };
}

export interface PartnerKeys {
  readonly pem: string;
  sign(body: Buffer): Promise<string>;
}

export async function partnerKeys(): Promise<PartnerKeys> {
  const { publicKey, privateKey } = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const spki = Buffer.from(await subtle.exportKey('spki', publicKey)).toString('base64');
  return {
    pem: `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`,
    async sign(body) {
      const raw = Buffer.from(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new Uint8Array(body)));
      return derOf(raw).toString('base64');
    },
  };
}

/** Web Crypto gives r and s side by side; GitHub sends them as ASN.1. */
function derOf(raw: Buffer): Buffer {
  const integers = [raw.subarray(0, 32), raw.subarray(32)].map((number) => {
    let start = 0;
    while (start < 31 && number[start] === 0) start += 1;
    const bytes = (number[start] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), number.subarray(start)]) : number.subarray(start);
    return Buffer.concat([Buffer.of(2, bytes.length), bytes]);
  });
  const content = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}
