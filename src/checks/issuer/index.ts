import { describeError } from '../../core/errors.ts';
import { scrub, type Secret } from '../../core/secret.ts';
import type { CheckResult, KeyCheck } from '../../ports/check.ts';
import type { Issuer, KeyExercise } from '../../ports/issuer.ts';

export interface IssuerCheckOptions {
  readonly name: string;
  /** The issuer of the credential; the check knows no API of its own. */
  readonly issuer: Pick<Issuer, 'name' | 'probe' | 'exercise'>;
  /** The credential's declared scopes and space: what the key must be able to do, and where. */
  readonly scopes: readonly string[];
  readonly space: string | null;
  /** `auto` writes, reads and removes a canary where the scopes allow writing; `never` only reads. */
  readonly canary: 'auto' | 'never';
  /** Of one attempt, milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Proves that a key works against its issuer, by the issuer's `exercise`, or its `probe` where it has no more to
 * offer. Red tells in words whether the key was refused, or could not be judged because of trouble elsewhere.
 */
export function createIssuerCheck(options: IssuerCheckOptions): KeyCheck {
  return {
    name: options.name,
    type: 'issuer',
    async run(_subject, value, signal): Promise<CheckResult> {
      const began = performance.now();
      const verdict = await judge(options, value, AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]));
      return { ok: verdict.ok, detail: scrub(verdict.detail), tookMs: Math.round(performance.now() - began) };
    },
  };
}

const SPOKEN = new Intl.ListFormat('en', { type: 'conjunction' });

type Verdict = Pick<CheckResult, 'ok' | 'detail'>;

async function judge(options: IssuerCheckOptions, value: Secret, signal: AbortSignal): Promise<Verdict> {
  try {
    // An issuer that does not listen to its signal must not hold the check: what it does then is its own bounded end.
    return inWords(options, await Promise.race([exercise(options, value, signal), aborted(signal)]));
  } catch (thrown) {
    return notJudged(options, signal.aborted ? `no answer in time (${options.timeoutMs} ms at most)` : describeError(thrown));
  }
}

async function exercise({ issuer, scopes, space, canary }: IssuerCheckOptions, value: Secret, signal: AbortSignal): Promise<KeyExercise> {
  signal.throwIfAborted();
  if (issuer.exercise !== undefined) return issuer.exercise(value, { scopes, space, canary: canary === 'auto' }, signal);
  return { ...(await issuer.probe(value, signal)), did: [] };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function inWords(options: IssuerCheckOptions, seen: KeyExercise): Verdict {
  const did = seen.did.length === 0 ? '' : `: it could ${SPOKEN.format(seen.did)}`;
  if (seen.works) return { ok: true, detail: `the key works at ${options.issuer.name}${did}` };
  if (!seen.conclusive) return notJudged(options, seen.reason);
  return { ok: false, detail: `the key is refused by ${options.issuer.name}: ${seen.reason}` };
}

function notJudged({ issuer }: IssuerCheckOptions, why: string): Verdict {
  return { ok: false, detail: `the key could not be judged at ${issuer.name} (trouble of the service or the way to it, not of the key): ${why}` };
}
