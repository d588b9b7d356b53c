/**
 * An application check: asks an address until it answers as expected. Redirects are answers, not followed. It only
 * reads, so an answer that is lost is asked for again.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { carriesSecret, endpoint, networkReason, shownUrl } from '../../net/endpoint.ts';
import type { ApplicationCheck, CheckResult } from '../../ports/check.ts';
import { bodyExpectation, holds, statusExpectation } from './expect.ts';

export interface HttpCheckOptions {
  readonly name: string;
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  /** 200 to 299 by default. */
  readonly expectStatus?: number | readonly number[];
  /** A part of the body, or `/regular expression/flags`. Only the first 64 KiB are read. */
  readonly expectBody?: string;
  /** A value may be a secret, resolved for each attempt. */
  readonly headers?: Readonly<Record<string, string | (() => Promise<Secret> | Secret)>>;
  /** Of one attempt, milliseconds; 5,000 by default. */
  readonly timeoutMs?: number;
  /** Attempts at most; 5 by default. */
  readonly attempts?: number;
  /** Successes in a row that make it green; 1 by default. */
  readonly consecutive?: number;
  /** Between two attempts, milliseconds; 1,000 by default. */
  readonly intervalMs?: number;
  /** Of the whole check, milliseconds; 30,000 by default. */
  readonly deadlineMs?: number;
}

const MAX_BODY_BYTES = 64 * 1024;
const DEFAULTS = { method: 'GET', timeoutMs: 5_000, attempts: 5, consecutive: 1, intervalMs: 1_000, deadlineMs: 30_000 } as const;

interface Seen {
  readonly ok: boolean;
  readonly what: string;
}

/** Throws CONFIG_INVALID for an address that carries a secret, and for expectations that can't be met. */
export function createHttpCheck(options: HttpCheckOptions): ApplicationCheck {
  const given = { ...DEFAULTS, ...options };
  const url = endpoint(options.url, `check ${options.name}`);
  const status = statusExpectation(options.expectStatus);
  const body = options.expectBody === undefined ? null : bodyExpectation(options.expectBody, options.name);
  if (given.consecutive > given.attempts) {
    throw new KeyturnError('CONFIG_INVALID', `Check ${options.name} wants ${given.consecutive} successes in ${given.attempts} attempts.`, { todo: 'Raise attempts.', effect: 'none' });
  }

  async function once(signal: AbortSignal): Promise<Seen> {
    if (carriesSecret(options.url)) return { ok: false, what: 'was not asked: its url carries a secret value, put it into a header' };
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(given.timeoutMs)]);
    try {
      const response = await fetch(url, { method: given.method, headers: await resolved(options.headers), redirect: 'manual', signal: bounded });
      if (!status.matches(response.status)) {
        await response.body?.cancel();
        return { ok: false, what: `answered ${response.status}, expected ${status.said}` };
      }
      if (body === null) await response.body?.cancel();
      else if (!holds(body, await beginning(response))) return { ok: false, what: `answered ${response.status}, but its body does not hold what is expected` };
      return { ok: true, what: `answered ${response.status}` };
    } catch (error) {
      return { ok: false, what: error instanceof KeyturnError ? `was not asked: ${error.sentence}` : `gave no answer: ${networkReason(error)}` };
    }
  }

  return {
    name: options.name,
    type: 'http',
    run: (_subject, signal) => repeat(given, `${given.method} ${shownUrl(url)}`, once, signal),
    async probe(signal) {
      const began = performance.now();
      const seen = await once(signal);
      signal.throwIfAborted();
      const reachable = seen.ok || seen.what.startsWith('answered');
      return { ok: reachable, detail: `${given.method} ${shownUrl(url)} ${seen.what}`, tookMs: Math.round(performance.now() - began) };
    },
  };
}

/**
 * Tries until enough successes in a row, or until attempts or time are used up. Being told to stop from outside is no
 * red result (it must not roll anything back), so then the signal's reason is thrown.
 */
async function repeat(
  limits: { readonly attempts: number; readonly consecutive: number; readonly intervalMs: number; readonly deadlineMs: number },
  what: string,
  once: (signal: AbortSignal) => Promise<Seen>,
  signal: AbortSignal,
): Promise<CheckResult> {
  const began = performance.now();
  const deadline = AbortSignal.timeout(limits.deadlineMs);
  const bounded = AbortSignal.any([signal, deadline]);
  let [tries, streak] = [0, 0];
  let last: Seen = { ok: false, what: 'was not asked in time' };
  while (tries < limits.attempts && !bounded.aborted) {
    if (tries > 0) await wait(limits.intervalMs, undefined, { signal: bounded }).catch(() => undefined);
    if (bounded.aborted) break;
    tries += 1;
    last = await once(bounded);
    signal.throwIfAborted();
    streak = last.ok ? streak + 1 : 0;
    if (streak >= limits.consecutive) break;
  }
  signal.throwIfAborted();
  const ok = streak >= limits.consecutive;
  const short = !ok && last.ok ? `, ${streak} of ${limits.consecutive} in a row` : '';
  const tookMs = Math.round(performance.now() - began);
  return { ok, detail: `${what} ${last.what}${short} (${tries} ${tries === 1 ? 'try' : 'tries'} in ${(tookMs / 1_000).toFixed(1)} s)`, tookMs };
}

async function resolved(headers: HttpCheckOptions['headers']): Promise<Record<string, string>> {
  const entries = Object.entries(headers ?? {}).map(async ([name, value]) => {
    const plain = typeof value === 'string' ? value : await value();
    return [name, plain instanceof Secret ? plain.reveal() : plain] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The first 64 KiB of a body, however long it goes on. */
async function beginning(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
}
