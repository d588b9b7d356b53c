import { z } from 'zod';
import { LONGEST_CALL_MS } from './limits.ts';
import { duration, path, secretRef, text, textOrSecret, url, whole } from './leaves.ts';

const status = whole(100, 599);

const bodyPattern = text.superRefine((written, context) => {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(written) ?? [];
  if (source === undefined) return;
  try {
    RegExp(source, flags);
  } catch {
    context.addIssue({ code: 'custom', message: 'is no regular expression (expected plain text, or a pattern between slashes)' });
  }
});

const httpCheck = z
  .strictObject({
    type: z.literal('http').describe('Asks an application’s health endpoint, after promotion.'),
    url: url.describe('Address that is asked. Redirects are answers, not followed.'),
    method: z.enum(['GET', 'HEAD', 'POST']).default('GET').describe('Method.'),
    expectStatus: z.union([status, z.array(status).min(1)], 'is no status (expected 200, or a list such as [200, 204])').optional().meta({ description: 'Status, or a list of them.', 'x-default': '200 to 299' }),
    expectBody: bodyPattern.optional().describe('Text that the body must hold, or `/pattern/flags`.'),
    headers: z.record(text, textOrSecret).optional().describe('Headers: plain text, or a secret by reference as the whole value.'),
    timeout: duration(10, LONGEST_CALL_MS).prefault('5s').describe('Of one attempt.'),
    attempts: whole(1, 10_000).prefault(5).describe('Attempts at most.'),
    interval: duration(0).prefault('1s').describe('Between two attempts.'),
    deadline: duration(10, LONGEST_CALL_MS).prefault('30s').describe('Of the whole check; at most 1m. Longer waits are the policy’s `deadlines.confirm`.'),
    consecutive: whole(1, 10_000).prefault(1).describe('Successes in a row that make it green.'),
  })
  .meta({ title: 'http' });

const issuerCheck = z
  .strictObject({
    type: z.literal('issuer').describe('Uses the new key at its issuer, before promotion. Every credential has one; name it to change it.'),
    canary: z.enum(['auto', 'never']).default('auto').describe('`auto` writes, reads and removes a canary where the scopes allow it; `never` only reads.'),
    timeout: duration(100, LONGEST_CALL_MS).prefault('15s').describe('Of one attempt; at most 1m.'),
  })
  .meta({ title: 'issuer' });

export const check = z.discriminatedUnion('type', [httpCheck, issuerCheck]);
export type CheckConfig = z.output<typeof check>;

const httpHook = z
  .strictObject({
    type: z.literal('http').describe('Posts an event, signed with HMAC-SHA-256. It holds no key.'),
    url: url.describe('Address that the event is posted to.'),
    secret: secretRef.describe('Shared with the receiver, for the signature.'),
    timeout: duration(10, LONGEST_CALL_MS).prefault('5s').describe('Of one attempt.'),
    attempts: whole(1, 20).prefault(3).describe('Attempts at most.'),
    interval: duration(0, LONGEST_CALL_MS).prefault('500ms').describe('Before the second attempt; doubled for each after it.'),
  })
  .meta({ title: 'http' });

const commandHook = z
  .strictObject({
    type: z.literal('command').describe('Runs a program, without a shell. The key is nowhere in it.'),
    command: z.array(text).min(1, 'is empty (expected a list: program, then arguments)').describe('Program and arguments, as a list.'),
    timeout: duration(10, LONGEST_CALL_MS).prefault('30s').describe('Then its whole process group is killed.'),
    cwd: path.optional().describe('Directory that it runs in. Relative to this configuration file.'),
    env: z.record(text, z.string()).optional().describe('Environment, besides PATH, HOME and KEYTURN_*. No secrets.'),
  })
  .meta({ title: 'command' });

export const hook = z.discriminatedUnion('type', [httpHook, commandHook]);
export type HookConfig = z.output<typeof hook>;
