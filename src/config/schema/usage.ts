import { z } from 'zod';
import { CLUES } from '../../core/usage.ts';
import { LONGEST_CALL_MS } from './limits.ts';
import { duration, name, path, secretRef, text, textOrSecret, url, whole } from './leaves.ts';

const by = z.enum(CLUES).describe('What it holds: the issuer’s key `id`, the `prefix` of the key, Keyturn’s `fingerprint` of it, or the `value` itself, which is fingerprinted at once and never kept.');
const timeout = duration(100, LONGEST_CALL_MS);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const issuerSource = z
  .strictObject({
    type: z.literal('issuer').describe('The issuer’s own audit log.'),
    issuer: name.describe('Name of the issuer.'),
  })
  .meta({ title: 'issuer' });

const pattern = text.superRefine((written, context) => {
  const missing = ['at', 'status', 'key'].filter((group) => !written.includes(`(?<${group}>`));
  if (missing.length > 0) context.addIssue({ code: 'custom', message: `lacks a group (expected ${missing.map((group) => `(?<${group}>…)`).join(' and ')} in it)` });
  else if (!compiles(written)) context.addIssue({ code: 'custom', message: 'is no regular expression (expected one of JavaScript’s, without slashes)' });
});

function compiles(written: string): boolean {
  try {
    RegExp(written);
    return true;
  } catch {
    return false;
  }
}

const accessLog = z
  .strictObject({
    type: z.literal('access-log').describe('Access-log files, followed across rotation and truncation.'),
    path: path.describe('The log that is written to; `*` in its last part stands for anything. Relative to this configuration file. Rotated files are found beside it; compressed ones are not read.'),
    format: z.enum(['json', 'nginx', 'envoy']).describe('`json`: an object a line. `nginx`: the combined format, with `name="$variable"` after it. `envoy`: its default format, with `name="%…%"` after it. The last two are also taken as JSON, under their own names.'),
    key: z.strictObject({ by, field: text.describe('Where it stands: the name of a JSON field (a dot descends), or the `name` of `name="…"` at the end of a line; `remote_user` in nginx’s format.') }).describe('What identifies a key.'),
    fields: z
      .strictObject({
        at: text.optional().meta({ description: 'When.', 'x-default': '`time`, `time_iso8601`, `start_time`' }),
        status: text.optional().meta({ description: 'Status of the answer.', 'x-default': '`status`, `status`, `response_code`' }),
        address: text.optional().meta({ description: 'The caller’s address.', 'x-default': '`remote_addr`, `remote_addr`, `downstream_remote_address`' }),
        agent: text.optional().meta({ description: 'The caller’s user agent.', 'x-default': '`http_user_agent`, `http_user_agent`, `user_agent`' }),
        requests: text.optional().describe('How many requests a line stands for; one without it.'),
      })
      .prefault({})
      .describe('Names of JSON fields, where they differ from those of `json`, `nginx` and `envoy`. A dot descends.'),
    pattern: pattern.optional().describe('Instead of the format’s own: a regular expression with the groups `at`, `status` and `key`, and maybe `address`, `agent`, `requests`. Lines over 16 KiB do not match.'),
    denied: z.array(whole(100, 599)).optional().meta({ description: 'Statuses that mean that the key was refused. Other ones from 400 on are failures.', 'x-default': '401, 403' }),
    lateness: duration(0, HOUR_MS).prefault('30s').describe('How much later than others a line may be written. So far behind its newest line the log counts as read.'),
    timeout: timeout.prefault('10s').describe('The longest that one read may take; at most 1m.'),
  })
  .meta({ title: 'access-log' });

const prometheus = z
  .strictObject({
    type: z.literal('prometheus').describe('Counts by key and minute, from Prometheus or what speaks its query API.'),
    url: url.describe('Its address; `/api/v1/query_range` follows.'),
    key: z.strictObject({ by, label: text.describe('The label that holds it.') }).describe('What identifies a key.'),
    query: text.describe('PromQL: requests in a minute, one series a key, such as `sum by (key_id) (increase(api_requests_total[1m]))`.'),
    failures: text.optional().describe('PromQL: the part of them that failed for another reason than the key.'),
    denied: text.optional().describe('PromQL: the part of them that was refused for the key.'),
    lag: duration(0, HOUR_MS).prefault('2m').describe('How long after its end a minute is read, once.'),
    bearer: secretRef.optional().describe('Bearer token.'),
    user: text.optional().describe('Name to log in with.'),
    password: secretRef.optional().describe('Password to log in with.'),
    headers: z.record(text, textOrSecret).optional().describe('Further headers, such as `X-Scope-OrgID`: plain text, or a secret by reference as the whole value.'),
    timeout: timeout.prefault('15s').describe('The longest that one read may take, all its queries included; at most 1m.'),
  })
  .meta({ title: 'prometheus' });

const push = z
  .strictObject({
    type: z.literal('push').describe('NDJSON that others post to the control API.'),
    token: secretRef.describe('Token that the sender shows; it may do nothing else.'),
    key: z.strictObject({ by }).describe('What the field `key` of a record holds.'),
    maxBody: whole(1_024, 67_108_864).prefault(8_388_608).describe('Largest body, bytes, after it was unpacked.'),
    maxAge: duration(60_000, 30 * DAY_MS).prefault('1d').describe('Older records are refused.'),
    lateness: duration(0, HOUR_MS).prefault('2m').describe('How long after the fact a record may be pushed. Then its minute is judged; what comes later is counted, and no detector sees it.'),
    every: duration(10_000, 30 * DAY_MS).optional().describe('The sender pushes at least so often, an empty body where there is nothing to tell. From its first push on people hear when it does not (rule `source_unavailable`). Without it silence tells nothing.'),
  })
  .meta({ title: 'push' });

const source = z.discriminatedUnion('type', [issuerSource, accessLog, prometheus, push]);
export type UsageSourceConfig = z.output<typeof source>;

export const usage = z.strictObject({
  sources: z.record(name, source).prefault({}).describe('Where usage comes from, by name.'),
  retention: z
    .strictObject({
      minutes: duration(DAY_MS, 400 * DAY_MS).prefault('14d').describe('Of counts by minute.'),
      hours: duration(DAY_MS, 4_000 * DAY_MS).prefault('400d').describe('Of counts by hour, and of scopes after they were asked for last.'),
      callers: duration(DAY_MS, 400 * DAY_MS).prefault('30d').describe('Of addresses and user agents: people must be able to name the application that still uses a retired key.'),
    })
    .prefault({})
    .describe('How long it is kept.'),
});
export type UsageConfig = z.output<typeof usage>;
