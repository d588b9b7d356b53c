import { z } from 'zod';
import { LARGEST_LEAK_BODY, LONGEST_CALL_MS } from './limits.ts';
import { duration, name, secretRef, url, whole } from './leaves.ts';

const MINUTE_MS = 60_000;

const respond = (by: 'revoke' | 'tell') =>
  z.enum(['revoke', 'tell']).prefault(by).describe('What a leaked key of ours causes: `revoke` it at once, or only `tell` people.');
const maxBody = whole(1_024, LARGEST_LEAK_BODY);
const largest = 'Largest body, bytes.';
const timeout = duration(100, LONGEST_CALL_MS).prefault('10s').describe('The longest that one question to GitHub may take; at most 1m.');
const tolerance = duration(1_000, 60 * MINUTE_MS).prefault('5m').describe('How far the time of its signature may be from now.');

const github = z
  .strictObject({
    type: z.literal('github').describe('Secret scanning alerts of GitHub’s repositories, by webhook.'),
    secret: secretRef.describe('The secret of the webhook, by which its deliveries are verified.'),
    token: secretRef.describe('Token that may read secret scanning alerts: the event carries no secret.'),
    baseUrl: url.prefault('https://api.github.com').describe('The REST API; `https://<host>/api/v3` of an Enterprise Server.'),
    timeout,
    maxBody: maxBody.prefault(1_048_576).describe(largest),
    respond: respond('revoke'),
  })
  .meta({ title: 'github' });

const partner = z
  .strictObject({
    type: z.literal('github-partner').describe('Matches of GitHub’s secret scanning partner programme.'),
    keysUrl: url.prefault('https://api.github.com/meta/public_keys/secret_scanning').describe('Where GitHub lists the public keys that sign.'),
    token: secretRef.optional().describe('Any token of GitHub’s: without one it allows few requests an hour.'),
    timeout,
    maxBody: maxBody.prefault(LARGEST_LEAK_BODY).describe(largest),
    respond: respond('revoke'),
  })
  .meta({ title: 'github-partner' });

const gitguardian = z
  .strictObject({
    type: z.literal('gitguardian').describe('Incidents of GitGuardian, by custom webhook.'),
    secret: secretRef.describe('The signature token of the webhook.'),
    tolerance,
    maxBody: maxBody.prefault(1_048_576).describe(largest),
    respond: respond('tell'),
  })
  .meta({ title: 'gitguardian' });

const signed = z
  .strictObject({
    type: z.literal('signed').describe('Reports in Keyturn’s own signed format.'),
    secret: secretRef.describe('Shared with the sender, who signs with it.'),
    tolerance,
    maxBody: maxBody.prefault(LARGEST_LEAK_BODY).describe(largest),
    respond: respond('revoke'),
  })
  .meta({ title: 'signed' });

const trufflehog = z
  .strictObject({
    type: z.literal('trufflehog').describe('What TruffleHog prints, by `keyturn leaks intake`.'),
    maxBody: maxBody.prefault(LARGEST_LEAK_BODY).describe(largest),
    respond: respond('revoke'),
  })
  .meta({ title: 'trufflehog' });

export const leaks = z.strictObject({
  sources: z.record(name, z.discriminatedUnion('type', [github, partner, gitguardian, signed, trufflehog])).prefault({}).describe('Who tells of leaked keys, by name.'),
});
