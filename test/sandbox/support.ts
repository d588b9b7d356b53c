/** A client of the API as somebody would write it from the documentation, and sandboxes that end with their test. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startSandbox } from '../../src/sandbox/index.ts';
import type { RunningSandbox, SandboxOptions } from '../../src/sandbox/index.ts';

export async function sandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  const running = await startSandbox(options);
  onTestFinished(() => running.close());
  return running;
}

export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty when the answer is not JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Client {
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  del(path: string): Promise<Reply>;
}

/** Speaks to `url` with `key`; without one, with no Authorization header. */
export function client(url: string, key?: string): Client {
  const call = async (method: string, path: string, body: string | null, headers: Record<string, string> = {}): Promise<Reply> => {
    const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const answer = await fetch(url + path, {
      method,
      body,
      headers: { 'content-type': 'application/json', ...authorization, ...headers },
      signal: AbortSignal.timeout(20_000),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: parsed(text) };
  };
  return {
    get: (path, headers) => call('GET', path, null, headers),
    post: (path, body, headers) => call('POST', path, typeof body === 'string' ? body : JSON.stringify(body), headers),
    del: (path) => call('DELETE', path, null),
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Mints a key over the API and returns its id and value. */
export async function minted(admin: Client, name: string, scopes: readonly string[], more: object = {}): Promise<{ id: string; key: string }> {
  const { status, body } = await admin.post('/v1/api-keys', { name, scopes, ...more });
  if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(body)}`);
  return { id: String(body['id']), key: String(body['key']) };
}

export function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}
