import { z } from 'zod';
import { isRule, RULE_NAMES } from '../../core/finding.ts';
import { LONGEST_CALL_MS } from './limits.ts';
import { duration, flag, name, secretRef, text, textOrSecret, url, whole } from './leaves.ts';

const timeout = duration(100, LONGEST_CALL_MS);
const pace = duration(0, 60_000);
const address = z.string().regex(/^[^\s@]+@[^\s@]+$|<[^\s@]+@[^\s@]+>$/, 'is no mail address (expected ops@example.com or Ops <ops@example.com>)');

const slack = z
  .strictObject({
    type: z.literal('slack').describe('A Slack channel, by a bot token.'),
    token: secretRef.describe('Bot token (scope chat:write), read anew for each message.'),
    channel: text.describe('`"#ops"` in quotes (a bare # begins a comment), or the channel’s id.'),
    slackApiUrl: url.optional().meta({ description: 'Another address of Slack’s API.', default: 'https://slack.com/api/' }),
    mention: text.optional().describe('Whom critical messages call: `"@here"`, `"@channel"`, or the id of a user or group.'),
    pace: pace.prefault('1s').describe('Least time between two messages, of all workers together. Slack takes one a second.'),
    timeout: timeout.prefault('15s').describe('Of one attempt.'),
  })
  .meta({ title: 'slack' });

const email = z
  .strictObject({
    type: z.literal('email').describe('Mail by SMTP.'),
    host: text.describe('Mail server.'),
    port: whole(1, 65_535).prefault(587).describe('Its port.'),
    secure: flag.prefault(false).describe('TLS from the first byte (port 465) instead of STARTTLS.'),
    requireTLS: flag.optional().meta({ description: 'Refuse to go on without TLS.', 'x-default': 'true, but for loopback addresses' }),
    user: text.optional().describe('Name to log in with.'),
    password: secretRef.optional().describe('Password to log in with.'),
    from: address.describe('Sender.'),
    to: z.array(address).min(1, 'is empty (expected a list of mail addresses)').describe('Recipients.'),
    subjectPrefix: text.optional().describe('Put before each subject.'),
    dkim: z
      .strictObject({
        domain: text.describe('Domain that signs.'),
        selector: text.describe('Where its public key is: `<selector>._domainkey.<domain>`.'),
        key: secretRef.describe('RSA private key as PEM.'),
      })
      .optional()
      .describe('Sign messages (DKIM). Not needed where the mail server signs.'),
    pace: pace.prefault('500ms').describe('Least time between two messages over a while, of all workers together; ten may go at once.'),
    timeout: timeout.prefault('20s').describe('Of one attempt.'),
  })
  .meta({ title: 'email' });

const webhook = z
  .strictObject({
    type: z.literal('webhook').describe('A POST of JSON.'),
    url: url.optional().meta({ description: 'Where it goes. Needed but for PagerDuty.', 'x-default': 'PagerDuty’s, for its format' }),
    format: z.enum(['keyturn', 'pagerduty', 'alertmanager']).default('keyturn').describe('Keyturn’s own, PagerDuty’s Events API v2, or Alertmanager’s `/api/v2/alerts`.'),
    secret: secretRef.optional().describe('Shared with the receiver, who verifies `X-Keyturn-Signature` by it. Needed for format keyturn.'),
    routingKey: secretRef.optional().describe('PagerDuty’s integration key. Needed for format pagerduty.'),
    headers: z.record(text, textOrSecret).optional().describe('More headers, such as Authorization; secrets by reference.'),
    pace: pace.prefault('200ms').describe('Least time between two messages over a while, of all workers together; ten may go at once.'),
    timeout: timeout.prefault('10s').describe('Of one attempt.'),
  })
  .meta({ title: 'webhook' });

export const channel = z.discriminatedUnion('type', [slack, email, webhook]);
export type ChannelConfig = z.output<typeof channel>;

export const SEVERITIES = ['info', 'warning', 'critical'] as const;

/** A name that no rule bears would never match, unseen. */
const rule = text.refine((pattern) => pattern.includes('*') || isRule(pattern), `is no rule (expected one of ${RULE_NAMES.join(', ')}, or a pattern with *)`);

export const route = z.strictObject({
  channels: z.array(name).min(1, 'is empty (expected a list of channels)').describe('Where matching messages go.'),
  severity: z.array(z.enum(SEVERITIES)).min(1, 'is empty (expected info, warning or critical)').optional().meta({ description: 'Which severities it takes.', 'x-default': 'all' }),
  credentials: z.array(text).min(1, 'is empty (expected names or patterns)').optional().meta({ description: 'Credentials that it takes, by name; `*` stands for anything.', 'x-default': 'all' }),
  owners: z.array(text).min(1, 'is empty (expected owners or patterns)').optional().meta({ description: 'Owners whose credentials it takes; `*` stands for anything.', 'x-default': 'all' }),
  rules: z.array(rule).min(1, 'is empty (expected rules or patterns)').optional().meta({ description: 'Rules whose alerts it takes; `*` stands for anything. A route with `rules` takes nothing but alerts.', 'x-default': 'all, and what is no alert' }),
  labels: z.record(text, text).optional().meta({ description: 'Labels that the credential must bear, each with a value or pattern.', 'x-default': 'any' }),
});
export type RouteConfig = z.output<typeof route>;
