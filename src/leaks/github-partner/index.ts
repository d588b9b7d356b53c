/** GitHub's secret scanning partner programme: matches of a pattern that was registered with GitHub, in public places, with their values. */
import { verify } from 'node:crypto';
import { z } from 'zod';
import { KeyturnError } from '../../core/errors.ts';
import { endpoint, shownUrl } from '../../net/endpoint.ts';
import { askGitHub } from '../../net/github.ts';
import { jsonOf, notAuthentic, notOfFormat, textOf, type ReadSecret } from '../../net/signed-delivery.ts';
import type { LeakSource, ReportedLeak } from '../../ports/leak-source.ts';
import { createPublicKeys } from './keys.ts';

export interface GitHubPartnerOptions {
  readonly name: string;
  /** Where GitHub lists its public keys. */
  readonly keysUrl: string;
  /** Any; without one GitHub allows few requests an hour. */
  readonly token?: ReadSecret;
  readonly timeoutMs: number;
}

const IDENTIFIER = /^[\w-]{1,128}$/;
/** Whole base64: what a lenient reader leaves out would make many texts one signature. */
const SIGNATURE = /^(?:[A-Za-z0-9+/]{4}){5,100}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const match = z.object({ token: z.string().min(1), type: z.string().nullish(), url: z.string().nullish(), source: z.string().nullish() });

/** Throws CONFIG_INVALID for an address of keys that is none. */
export function createGitHubPartnerSource({ name, keysUrl, token, timeoutMs }: GitHubPartnerOptions): LeakSource {
  const url = endpoint(keysUrl, `leak source ${name}`);
  const call = { who: `Leak source ${name}`, token, timeoutMs };
  const keys = createPublicKeys(async (signal) => listOf(name, await askGitHub(call, url, signal)));
  return {
    name,
    type: 'github-partner',
    async verify({ headers, body }, now, signal) {
      const [identifier, signature] = [headers['github-public-key-identifier'] ?? '', headers['github-public-key-signature'] ?? ''];
      if (!IDENTIFIER.test(identifier) || !SIGNATURE.test(signature)) throw notAuthentic();
      const key = await keys.of(identifier, await now(), signal);
      if (key === null || !verify('sha256', body, key, Buffer.from(signature, 'base64'))) throw notAuthentic();
    },
    read({ body }) {
      const json = jsonOf(body);
      if (!Array.isArray(json)) throw notOfFormat('is no list of matches');
      const leaks = json.flatMap((one: unknown) => reported(one));
      return { leaks, malformed: json.length - leaks.length };
    },
    async probe() {
      await token?.();
      return `takes matches of GitHub’s partner programme; public keys come from ${shownUrl(url)}`;
    },
  };
}

function listOf(name: string, answer: unknown): readonly unknown[] {
  if (typeof answer === 'object' && answer !== null && 'public_keys' in answer && Array.isArray(answer.public_keys)) return answer.public_keys;
  throw new KeyturnError('SOURCE_UNAVAILABLE', `Leak source ${name} is answered something that is no list of public keys.`, { todo: 'Check keysUrl of the source.', effect: 'none' });
}

function reported(one: unknown): readonly ReportedLeak[] {
  const parsed = match.safeParse(one);
  if (!parsed.success) return [];
  const { token, type, url, source } = parsed.data;
  return [{ secret: { kind: 'value', value: token.trim() }, url: textOf(url), foundAt: null, detail: [type, source].map(textOf).filter((part) => part !== null).join(', ') }];
}
