/** What requests to the control API may look like: every field named, everything bounded, nothing unknown. */
import { z } from 'zod';
import { parseAnchor } from '../core/anchor.ts';

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
export const line = (max: number) =>
  z.string().trim().max(max).refine((text) => !CONTROL.test(text), 'must not hold control characters or line breaks');

export const name = line(200).refine((text) => text !== '', 'must not be empty');
const who = line(120).optional();
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true').optional();
export const count = (max: number) => z.string().regex(/^\d{1,9}$/, 'must be a whole number').transform(Number).pipe(z.number().max(max));

/** Who and why; `why` may be left out. */
export const actor = z.strictObject({ who, why: line(500).default('') }).default({ why: '' });
/** Who and why, where a change without a reason is refused. */
export const reasoned = z.strictObject({
  who,
  why: line(500).refine((text) => text !== '', 'must say the reason of this change'),
});

export const nothing = z.strictObject({});
export const oneCredential = z.strictObject({ credential: name.optional() });
export const keysFilter = z.strictObject({ credential: name.optional(), issuer: name.optional() });
const LONGEST_SPAN_MS = 400 * 86_400_000;
const milliseconds = (max: number) => z.string().regex(/^\d{1,12}$/, 'must be a whole number').transform(Number).pipe(z.number().min(60_000).max(max));
export const usageFilter = z.strictObject({ credential: name, sinceMs: milliseconds(LONGEST_SPAN_MS).optional() });
export const rotationsFilter = z.strictObject({ credential: name.optional(), open: flag, limit: count(1000).optional() });
export const auditFilter = z.strictObject({ credential: name.optional(), limit: count(10_000).optional() });
const anchor = z.string().transform((text, context) => {
  const parsed = parseAnchor(text);
  if (parsed === null) context.addIssue({ code: 'custom', message: 'is no anchor, which is <seq>:<hash>' });
  return parsed ?? { seq: 0, hash: '' };
});
export const anchorsFilter = z.strictObject({ anchor: z.union([anchor.transform((one) => [one]), z.array(anchor).max(100)]).default([]) });
export const rotationId = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z-]{1,64}$/, 'is no rotation id') });
export const leaksFilter = z.strictObject({ source: name.optional(), credential: name.optional(), open: flag, limit: count(1000).optional() });
export const eventsFilter = z.strictObject({
  after: count(1_000_000).default(0),
  reason: line(100).optional(),
  waitMs: count(60_000).default(25_000),
});

export const rotateBody = z
  .strictObject({ credentials: z.array(name).min(1).max(1000).optional(), owner: name.optional(), actor })
  .refine((body) => (body.credentials === undefined) !== (body.owner === undefined), 'name either credentials or an owner');
const read = z.enum(['credential', 'key']).optional();
/** `credential` names one for certain; `what` may be a credential or a key id. */
export const revokeBody = z
  .strictObject({ credential: name.optional(), what: name.optional(), as: read, issuer: name.optional(), replace: z.boolean().default(true), actor: reasoned })
  .refine((body) => (body.credential === undefined) !== (body.what === undefined), 'name either a credential or what is to be revoked');
export const revokeOwnedBody = z.strictObject({ owner: name, replace: z.boolean().default(true), actor: reasoned });
export const revocationQuestion = z
  .strictObject({ what: name.optional(), owner: name.optional(), as: read, issuer: name.optional(), replace: flag })
  .refine((query) => (query.what === undefined) !== (query.owner === undefined), 'name either what is to be revoked or an owner');
export const adoptBody = z
  .strictObject({ credential: name, keyId: name.optional(), name: name.optional(), actor })
  .refine((body) => body.keyId === undefined || body.name === undefined, 'name the key by keyId or by name, not by both');

const scoped = {
  scope: z.enum(['all', 'issuer', 'credential']),
  name: name.nullable().default(null),
};
const namesItsScope = (body: { scope: string; name: string | null }): boolean => (body.scope === 'all') === (body.name === null);
const SCOPE_NEEDS_NAME = 'scope issuer or credential wants a name, scope all wants none';
export const pauseBody = z.strictObject({ ...scoped, actor: reasoned }).refine(namesItsScope, SCOPE_NEEDS_NAME);
export const resumeBody = z.strictObject({ ...scoped, actor }).refine(namesItsScope, SCOPE_NEEDS_NAME);
export const publishBody = z.strictObject({ credential: name, actor });
export const settleBody = z.strictObject({ ids: z.array(line(600)).min(1).max(200), actor });
export const retryBody = z.strictObject({ channel: name.nullable().default(null), actor });
/** As the file holds it; the worker reads it, and refuses what it does not know. */
export const recordBody = z.strictObject({ record: z.string().max(16_384), unsigned: z.boolean().default(false), actor });
export const bareBody = z.strictObject({ actor });

