import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Secret } from '../../src/core/secret.ts';
import { startSandbox, type RunningSandbox } from '../../src/sandbox/index.ts';
import { always, issuerOf } from './on-sandbox.ts';

describe('adoption is proved by the audit log, not by a prefix', () => {
  let sandbox: RunningSandbox;
  const signal = AbortSignal.timeout(60_000);
  beforeEach(async () => {
    sandbox = await startSandbox({ plan: 'pro' });
  });
  afterEach(() => sandbox.close());

  const mint = (name: string): Promise<{ key: { id: string }; value: Secret }> => issuerOf(sandbox).create({ name, scopes: ['memory:write'], space: null }, signal);

  test('a value is the key under whose id the marked call shows up, however busy others are', async () => {
    const [ours, other] = [await mint('prod-api'), await mint('prod-web')];
    const issuer = issuerOf(sandbox);
    await issuer.probe(other.value, signal);
    expect(await issuer.prove?.(ours.value, ours.key.id, signal)).toBe('proven');
  });

  test('a value of another key is refuted, although prefix and scopes are the same', async () => {
    const [ours, other] = [await mint('prod-api'), await mint('prod-web')];
    expect(await issuerOf(sandbox).prove?.(other.value, ours.key.id, signal)).toBe('refuted');
  });

  test('a dead value is refuted', async () => {
    const { key, value } = await mint('prod-api');
    await issuerOf(sandbox).revoke(key.id, signal);
    expect(await issuerOf(sandbox).prove?.(value, key.id, signal)).toBe('refuted');
  });

  test('nothing is known where the audit log is not served', async () => {
    const { key, value } = await mint('prod-api');
    await sandbox.setFaults([always({ kind: 'status', status: 404 }, { path: '/v1/audit-log' })]);
    expect(await issuerOf(sandbox).prove?.(value, key.id, signal)).toBe('unknown');
  });
});
