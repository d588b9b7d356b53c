import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createIssuerCheck, type IssuerCheckOptions } from '../../src/checks/issuer/index.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { CheckResult } from '../../src/ports/check.ts';
import type { ExerciseRequest, KeyExercise, KeyProbe } from '../../src/ports/issuer.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import { always, issuerOf } from './on-sandbox.ts';

const VALUE = new Secret(`hm_live_${'5ec7e7'.repeat(6)}`);
const GREEN: KeyProbe = { works: true, reason: '', conclusive: true };

function run(issuer: Partial<IssuerCheckOptions['issuer']>, more: Partial<IssuerCheckOptions> = {}, signal = AbortSignal.timeout(20_000)): Promise<CheckResult> {
  const whole = { name: 'hm', probe: () => Promise.resolve(GREEN), ...issuer };
  const check = createIssuerCheck({ name: 'works', issuer: whole, scopes: ['memory:write'], space: 'g', canary: 'auto', timeoutMs: 2_000, ...more });
  return check.run({ credential: 'prod-api', rotationId: null }, VALUE, signal);
}

test('asks the issuer to exercise the key as declared, with or without a canary', async () => {
  const asked: ExerciseRequest[] = [];
  const exercise = (_value: Secret, request: ExerciseRequest): Promise<KeyExercise> => {
    asked.push(request);
    return Promise.resolve({ ...GREEN, did: ['store a canary', 'recall'] });
  };
  expect(await run({ exercise })).toMatchObject({ ok: true, detail: 'the key works at hm: it could store a canary and recall' });
  await run({ exercise }, { canary: 'never' });
  expect(asked).toEqual([
    { scopes: ['memory:write'], space: 'g', canary: true },
    { scopes: ['memory:write'], space: 'g', canary: false },
  ]);
});

test('falls back to the probe of an issuer that can not exercise', async () => {
  expect(await run({})).toMatchObject({ ok: true, detail: 'the key works at hm' });
});

test('tells a refused key from trouble of the service', async () => {
  expect(await run({ probe: () => Promise.resolve({ works: false, reason: 'it was revoked', conclusive: true }) })).toMatchObject({
    ok: false,
    detail: 'the key is refused by hm: it was revoked',
  });
  const trouble = await run({ probe: () => Promise.resolve({ works: false, reason: 'HTTP 500', conclusive: false }) });
  expect(trouble).toMatchObject({ ok: false, detail: expect.stringMatching(/could not be judged.*not of the key.*HTTP 500/) as string });
});

test('is red, and never throws, whatever the issuer throws; and quotes no value', async () => {
  const cause = new Error(`inner ${VALUE.reveal()}`);
  for (const thrown of [new KeyturnError('ISSUER_UNAVAILABLE', `broken ${VALUE.reveal()}`, { cause }), new TypeError(VALUE.reveal()), 'text']) {
    const result = await run({ probe: () => Promise.reject(thrown) });
    expect(result.ok).toBe(false);
    expect(inspect(result)).not.toContain('5ec7e7');
  }
});

const deaf = (): Promise<KeyProbe> => new Promise(() => undefined);

test('ends at its time-out and at an abort, even if the issuer does not listen', async () => {
  const began = Date.now();
  expect(await run({ probe: deaf }, { timeoutMs: 100 })).toMatchObject({ ok: false, detail: expect.stringContaining('100 ms at most') as string });
  expect(await run({ probe: deaf }, {}, AbortSignal.timeout(100))).toMatchObject({ ok: false });
  expect(await run({ probe: deaf }, {}, AbortSignal.abort())).toMatchObject({ ok: false });
  expect(Date.now() - began).toBeLessThan(1_500);
});

test('against the sandbox: green, red for a revoked key, undecided in an outage', async () => {
  const sandbox = await startSandbox();
  try {
    const issuer = issuerOf(sandbox);
    const { key, value } = await issuer.create({ name: 'prod-api-1', scopes: ['memory:write'], space: null }, AbortSignal.timeout(5_000));
    const check = createIssuerCheck({ name: 'works', issuer, scopes: ['memory:write'], space: null, canary: 'auto', timeoutMs: 5_000 });
    const result = (): Promise<CheckResult> => check.run({ credential: 'prod-api', rotationId: 'r' }, value, AbortSignal.timeout(10_000));
    expect(await result()).toMatchObject({ ok: true });
    await sandbox.setFaults([always({ kind: 'status', status: 503 })]);
    expect((await result()).detail).toContain('could not be judged');
    await sandbox.setFaults([]);
    await issuer.revoke(key.id, AbortSignal.timeout(5_000));
    expect(await result()).toMatchObject({ ok: false, detail: expect.stringContaining('the key is refused by sandbox') as string });
  } finally {
    await sandbox.close();
  }
});
