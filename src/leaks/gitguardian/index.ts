/**
 * GitGuardian's custom webhook. It carries no value: `hmsl_hash` of the incident is the hash of HasMySecretLeaked, by which Keyturn finds the
 * key among what stores serve. `secret_hash` is an identifier of GitGuardian's own, and of no use here.
 */
import { z } from 'zod';
import { instantOf, isMacOf, isRecent, jsonOf, notAuthentic, notOfFormat, textOf, type ReadSecret } from '../../net/signed-delivery.ts';
import type { LeakReport, LeakSource } from '../../ports/leak-source.ts';

export interface GitGuardianOptions {
  readonly name: string;
  /** The signature token of the webhook. */
  readonly secret: ReadSecret;
  readonly toleranceMs: number;
}

/** Those that say that a secret lies open; assigning, resolving or sharing an incident says nothing new. */
const TELLING = /^(incident_(triggered|reopened|regression|shared_publicly)|\w*occurrence\w*)$/;

const event = z.object({
  source: z.literal('GitGuardian'),
  action: z.string().max(100),
  incident: z.object({ hmsl_hash: z.string().nullish(), gitguardian_url: z.string().nullish(), date: z.string().nullish(), detector: z.object({ display_name: z.string().nullish() }).nullish() }).nullish(),
  occurrence: z.object({ url: z.string().nullish(), date: z.string().nullish() }).nullish(),
});

export function createGitGuardianSource({ name, secret, toleranceMs }: GitGuardianOptions): LeakSource {
  return {
    name,
    type: 'gitguardian',
    async verify({ headers, body }, now) {
      const timestamp = headers['timestamp'] ?? '';
      const given = /^sha256=([0-9a-f]{64})$/i.exec(headers['gitguardian-signature'] ?? '')?.[1];
      const matches = isMacOf(given ?? '', `${timestamp}${(await secret()).reveal()}`, body);
      const at = sentAt(timestamp);
      if (given === undefined || !matches || at === null || !isRecent(at, await now(), toleranceMs)) throw notAuthentic();
    },
    read: ({ body }) => reportOf(jsonOf(body)),
    async probe() {
      await secret();
      return 'takes incidents of GitGuardian, which name a secret by its hash: it is found while a store serves it';
    },
  };
}

/** Its documentation does not say in which form: seconds or milliseconds since the epoch, or ISO text. */
function sentAt(timestamp: string): Date | null {
  if (timestamp.length > 40) return null;
  if (!/^\d+(\.\d+)?$/.test(timestamp)) return instantOf(timestamp);
  const number = Number(timestamp);
  return new Date(number > 1e11 ? number : number * 1_000);
}

function reportOf(json: unknown): LeakReport {
  const parsed = event.safeParse(json);
  if (!parsed.success) throw notOfFormat('is no event of GitGuardian');
  const { action, incident, occurrence } = parsed.data;
  if (!TELLING.test(action)) return { leaks: [], malformed: 0 };
  const hex = incident?.hmsl_hash?.toLowerCase() ?? '';
  if (!/^[0-9a-f]{64}$/.test(hex)) return { leaks: [], malformed: 1 };
  const url = textOf(occurrence?.url) ?? textOf(incident?.gitguardian_url);
  return { leaks: [{ secret: { kind: 'hash', hash: 'hmsl', hex }, url, foundAt: instantOf(occurrence?.date) ?? instantOf(incident?.date), detail: textOf(incident?.detector?.display_name) }], malformed: 0 };
}
