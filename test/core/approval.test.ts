import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { approvalTokens } from '../../src/core/approval.ts';
import { RULE_NAMES } from '../../src/core/finding.ts';
import { ANSWERED_RULES, RESPONSE_RULES } from '../../src/core/response.ts';
import { Secret } from '../../src/core/secret.ts';

const ROOT = 'root-key-of-the-tests-0123456789abcdef';
const ID = '01JTRESP000000000000000001';
const ENDS = new Date('2026-03-02T13:00:00Z');
const tokens = approvalTokens(new Secret(ROOT));

test('a token is the response, its end, and HMAC-SHA-256 over both under a key of its own purpose', () => {
  const key = createHmac('sha256', ROOT).update('keyturn/approval/1').digest();
  const ends = Math.floor(ENDS.getTime() / 1_000).toString(36);
  expect(tokens.token(ID, ENDS)).toBe(`${ID}.${ends}.${createHmac('sha256', key).update(`${ID}.${ends}`).digest('base64url')}`);
  expect(tokens.read(tokens.token(ID, ENDS))).toEqual({ response: ID, expiresAt: ENDS });
});

test('nothing else is read: not one character may differ', () => {
  const token = tokens.token(ID, ENDS);
  for (let at = 0; at < token.length; at += 1) for (const by of ['A', 'b', '.', '']) {
    const forged = `${token.slice(0, at)}${by}${token.slice(at + 1)}`;
    if (forged !== token) expect([forged, tokens.read(forged)]).toEqual([forged, null]);
  }
  expect(approvalTokens(new Secret('another-root-key-0123456789abcdefgh')).read(token)).toBeNull();
  for (const text of ['', '..', `${token}\n`, ` ${token}`, token.toLowerCase(), `${token}=`, 'x'.repeat(100_000)]) expect(tokens.read(text)).toBeNull();
});

test('every rule says whether it may cost a key its life, and those that may not say why', () => {
  expect(Object.keys(RESPONSE_RULES).toSorted()).toEqual([...RULE_NAMES].toSorted());
  for (const { may, why } of Object.values(RESPONSE_RULES)) expect(may).toBe(why === '');
  // What anybody can cause from outside, without the key, must never be among them.
  expect(ANSWERED_RULES).not.toContain('failed_authentications');
  expect(ANSWERED_RULES).not.toContain('revoked_key_tried');
});
