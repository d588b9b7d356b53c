/**
 * Keyturn's own format, for scanners of one's own. Signed as Keyturn signs what it posts: `X-Keyturn-Signature: t=<unix seconds>,v1=<hex>`,
 * HMAC-SHA-256 over `<t>.<body>`.
 */
import { z } from 'zod';
import { instantOf, isMacOf, isRecent, jsonOf, notAuthentic, notOfFormat, textOf, type ReadSecret } from '../../net/signed-delivery.ts';
import type { LeakedSecret, LeakSource, ReportedLeak } from '../../ports/leak-source.ts';

export interface SignedLeakOptions {
  readonly name: string;
  readonly secret: ReadSecret;
  readonly toleranceMs: number;
}

const SIGNATURE = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/i;
const hex = z.string().regex(/^[0-9a-f]{64}$/i);
const leak = z.object({ value: z.string().min(1).optional(), fingerprint: hex.optional(), sha256: hex.optional(), url: z.string().nullish(), foundAt: z.string().nullish(), detail: z.string().nullish() });

export function createSignedLeakSource({ name, secret, toleranceMs }: SignedLeakOptions): LeakSource {
  return {
    name,
    type: 'signed',
    async verify({ headers, body }, now) {
      const [, seconds = '0', given = ''] = SIGNATURE.exec(headers['x-keyturn-signature'] ?? '') ?? [];
      const matches = isMacOf(given, (await secret()).reveal(), `${seconds}.`, body);
      if (!matches || !isRecent(new Date(Number(seconds) * 1_000), await now(), toleranceMs)) throw notAuthentic();
    },
    read({ body }) {
      const json = jsonOf(body);
      const entries = typeof json === 'object' && json !== null && 'leaks' in json ? json.leaks : null;
      if (!Array.isArray(entries)) throw notOfFormat('holds no list `leaks`');
      const leaks = entries.flatMap((one: unknown) => reported(one));
      return { leaks, malformed: entries.length - leaks.length };
    },
    async probe() {
      await secret();
      return 'takes signed reports in Keyturn’s own format';
    },
  };
}

function reported(one: unknown): readonly ReportedLeak[] {
  const parsed = leak.safeParse(one);
  const secret = parsed.success ? secretOf(parsed.data) : null;
  if (!parsed.success || secret === null) return [];
  const { url, foundAt, detail } = parsed.data;
  return [{ secret, url: textOf(url), foundAt: instantOf(foundAt), detail: textOf(detail) }];
}

function secretOf({ value, fingerprint, sha256 }: z.output<typeof leak>): LeakedSecret | null {
  if (value !== undefined && value.trim() !== '') return { kind: 'value', value: value.trim() };
  if (fingerprint !== undefined) return { kind: 'fingerprint', fingerprint: fingerprint.toLowerCase() };
  return sha256 === undefined ? null : { kind: 'hash', hash: 'sha256', hex: sha256.toLowerCase() };
}
