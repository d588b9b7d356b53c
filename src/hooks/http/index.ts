/**
 * A reload hook by HTTP. Receivers verify `X-Keyturn-Signature: t=<unix seconds>,v1=<hex>`, where v1 is HMAC-SHA-256
 * over `<t>.<body>` with the shared secret, refuse old t, and drop a repeated `X-Keyturn-Delivery`. An answer that is
 * lost is therefore simply sent again.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { endpoint, networkReason, shownUrl } from '../../net/endpoint.ts';
import { signature } from '../../net/signature.ts';
import type { HookEvent, ReloadHook } from '../../ports/check.ts';

export interface HttpHookOptions {
  readonly name: string;
  readonly url: string;
  /** Shared with the receiver; read anew for each attempt. */
  readonly secret: () => Promise<Secret> | Secret;
  /** Of one attempt, milliseconds; 5,000 by default. */
  readonly timeoutMs?: number;
  /** 3 by default. */
  readonly attempts?: number;
  /** Before the second attempt, doubled for each after it, milliseconds; 500 by default. */
  readonly intervalMs?: number;
}

const RETRYABLE = new Set([408, 425, 429]);
const MAX_INTERVAL_MS = 10_000;

export function createHttpHook(options: HttpHookOptions): ReloadHook {
  const url = endpoint(options.url, `hook ${options.name}`);
  const shown = `POST ${shownUrl(url)}`;
  const attempts = options.attempts ?? 3;
  const intervalMs = options.intervalMs ?? 500;
  const bounded = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? 5_000)]);

  async function once(event: HookEvent, signal: AbortSignal): Promise<number> {
    const body = JSON.stringify(event);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'keyturn',
      'x-keyturn-delivery': event.id,
      'x-keyturn-signature': signature(body, await options.secret(), Math.floor(Date.now() / 1_000)),
    };
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: bounded(signal) });
    await response.body?.cancel();
    return response.status;
  }

  async function run(event: HookEvent, signal: AbortSignal): Promise<void> {
    let seen = '';
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      signal.throwIfAborted();
      if (attempt > 1) await wait(Math.min(MAX_INTERVAL_MS, intervalMs * 2 ** (attempt - 2)), undefined, { signal });
      try {
        const status = await once(event, signal);
        if (status >= 200 && status <= 299) return;
        seen = `answered ${status}`;
        if (status < 500 && !RETRYABLE.has(status)) break;
      } catch (error) {
        if (error instanceof KeyturnError) throw error;
        seen = `gave no answer: ${networkReason(error)}`;
      }
    }
    signal.throwIfAborted();
    throw new KeyturnError('HOOK_FAILED', `Hook ${options.name} failed: ${shown} ${seen}, so the application may not have read its new key yet.`, {
      todo: 'Check that the receiver runs and accepts our signature.',
    });
  }

  return {
    name: options.name,
    type: 'http',
    run,
    /** Asks with HEAD, unsigned: reachable is what counts, and a receiver acts on signed POSTs only. */
    async probe(signal) {
      const began = performance.now();
      const took = (): number => Math.round(performance.now() - began);
      try {
        await options.secret();
        const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: bounded(signal) });
        await response.body?.cancel();
        return { ok: true, detail: `HEAD ${shownUrl(url)} answered ${response.status}`, tookMs: took() };
      } catch (error) {
        signal.throwIfAborted();
        const detail = error instanceof KeyturnError ? error.sentence : `HEAD ${shownUrl(url)} gave no answer: ${networkReason(error)}`;
        return { ok: false, detail, tookMs: took() };
      }
    },
  };
}
