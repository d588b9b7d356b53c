/**
 * Links by which people decide on a response. A link's last part is `<response>.<expiry>.<mac>`: the response's id, when it ends (seconds since
 * the epoch, base 36), and HMAC-SHA-256 over both under a key of the installation's. Nothing in it is secret; whoever has it whole may decide.
 */
import { createHmac } from 'node:crypto';
import { deriveKey, sameText, type Secret } from './secret.ts';

const FORM = /^([0-9A-Z]{26})\.([0-9a-z]{1,10})\.([A-Za-z0-9_-]{43})$/;


export interface ApprovalTokens {
  token(response: string, expiresAt: Date): string;
  /** The response that a token is of and when it ends; null for one that is not ours. Takes the same time for all of the right form. */
  read(token: string): { readonly response: string; readonly expiresAt: Date } | null;
}

export function approvalTokens(rootKey: Secret): ApprovalTokens {
  const key = deriveKey(rootKey, 'approval');
  const mac = (response: string, ends: string): string => createHmac('sha256', key).update(`${response}.${ends}`).digest('base64url');
  return {
    token(response, expiresAt) {
      const ends = Math.floor(expiresAt.getTime() / 1_000).toString(36);
      return `${response}.${ends}.${mac(response, ends)}`;
    },
    read(token) {
      const [, response, ends, given] = FORM.exec(token) ?? [];
      if (response === undefined || ends === undefined || given === undefined || !sameText(given, mac(response, ends))) return null;
      return { response, expiresAt: new Date(Number.parseInt(ends, 36) * 1_000) };
    },
  };
}
