/**
 * GitHub's secret scanning alerts of repositories, by webhook. The event is signed and carries no secret: that is read from the alert, with
 * a token. The address in the event is not used, only which alert it is.
 */
import { z } from 'zod';
import { KeyturnError } from '../../core/errors.ts';
import { endpoint, shownUrl } from '../../net/endpoint.ts';
import { askGitHub } from '../../net/github.ts';
import { instantOf, isMacOf, jsonOf, notAuthentic, notOfFormat, textOf, type ReadSecret } from '../../net/signed-delivery.ts';
import type { LeakReport, LeakSource, ReportedLeak } from '../../ports/leak-source.ts';

export interface GitHubLeakOptions {
  readonly name: string;
  /** The webhook's. */
  readonly secret: ReadSecret;
  /** May read secret scanning alerts. */
  readonly token: ReadSecret;
  /** Of the REST API: `https://api.github.com`, or `https://<host>/api/v3` of an Enterprise Server. */
  readonly baseUrl: string;
  readonly timeoutMs: number;
}

/** Kinds of events, with the actions that tell of a secret that lies open. */
const TELLING: Readonly<Record<string, readonly string[]>> = {
  secret_scanning_alert: ['created', 'reopened', 'publicly_leaked'],
  secret_scanning_alert_location: ['created'],
};

const repository = z.string().max(200).regex(/^(?!\.)[\w.-]+\/(?!\.\.?$)[\w.-]+$/);
const event = z.object({
  action: z.string(),
  alert: z.object({ number: z.int().positive(), html_url: z.string().nullish(), created_at: z.string().nullish(), secret_type: z.string().nullish() }),
  repository: z.object({ full_name: repository }),
});
const reference = z.strictObject({ repository, number: z.int().positive() });
const alert = z.object({ secret: z.string().min(1), html_url: z.string().nullish(), created_at: z.string().nullish(), secret_type: z.string().nullish() });

/** Throws CONFIG_INVALID for a base address that is none. */
export function createGitHubLeakSource({ name, secret, token, baseUrl, timeoutMs }: GitHubLeakOptions): LeakSource {
  const base = endpoint(baseUrl, `leak source ${name}`);
  const call = { who: `Leak source ${name}`, token, timeoutMs };
  return {
    name,
    type: 'github',
    async verify({ headers, body }) {
      const given = /^sha256=([0-9a-f]{64})$/i.exec(headers['x-hub-signature-256'] ?? '')?.[1];
      if (!isMacOf(given ?? '', (await secret()).reveal(), body) || given === undefined) throw notAuthentic();
    },
    read: ({ headers, body }) => {
      const telling = TELLING[headers['x-github-event'] ?? ''];
      return telling === undefined ? NOTHING : reportOf(jsonOf(headers['content-type']?.startsWith(FORM) === true ? payloadOf(body) : body), telling);
    },
    async fetch(text, signal) {
      const which = reference.parse(JSON.parse(text));
      const answer = alert.safeParse(await askGitHub(call, alertUrl(base, which), signal));
      if (answer.success) return { secret: { kind: 'value', value: answer.data.secret }, ...aboutOf(answer.data) };
      throw new KeyturnError('SOURCE_REFUSED', `Leak source ${name} reads an alert of GitHub that shows no secret.`, { todo: 'Look whether a proxy or a setting hides it (`hide_secret`); revoke the key by hand if it is yours.', effect: 'none' });
    },
    async probe() {
      await Promise.all([secret(), token()]);
      return `takes secret scanning alerts of GitHub; secrets are read from ${shownUrl(base)}`;
    },
  };
}

/** What a webhook sends unless its owner chooses JSON; the signature is over the form as it came. */
const FORM = 'application/x-www-form-urlencoded';

function payloadOf(form: Buffer): Buffer {
  return Buffer.from(new URLSearchParams(form.toString('utf8')).get('payload') ?? '');
}

const NOTHING: LeakReport = { leaks: [], malformed: 0 };

/** Throws USAGE for an event of that kind that says nothing of an alert. */
function reportOf(json: unknown, telling: readonly string[]): LeakReport {
  const parsed = event.safeParse(json);
  if (!parsed.success) throw notOfFormat('is no secret scanning alert of GitHub');
  const { action, alert: told, repository: of } = parsed.data;
  if (!telling.includes(action)) return NOTHING;
  return { leaks: [{ secret: { kind: 'reference', reference: JSON.stringify({ repository: of.full_name, number: told.number }) }, ...aboutOf(told) }], malformed: 0 };
}

function aboutOf({ html_url: url, created_at: at, secret_type: type }: Omit<z.output<typeof alert>, 'secret'>): Omit<ReportedLeak, 'secret'> {
  return { url: textOf(url), foundAt: instantOf(at), detail: textOf(type) };
}

function alertUrl(base: URL, which: z.output<typeof reference>): URL {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/repos/${which.repository}/secret-scanning/alerts/${which.number}`;
  return url;
}
