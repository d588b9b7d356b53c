import { CreateSecretCommand, PutSecretValueCommand, UpdateSecretVersionStageCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyRing, type KeyRingEvent, type SecretsManagerKeyOptions } from '../../src/client/index.ts';
import { motoAvailable, startMoto, type Moto } from '../support/moto.ts';
import { startApi, type Api } from './api.ts';

const NEVER_MS = 3_600_000;

/** The stages that a spied-on client was asked for, in order. */
function askedStages(spy: { readonly mock: { readonly calls: readonly (readonly unknown[])[] } }): unknown[] {
  return spy.mock.calls.map(([command]) => (command as { input: { VersionStage: string } }).input.VersionStage);
}

describe.skipIf(!motoAvailable())('a ring on AWS Secrets Manager', () => {
  let moto: Moto;
  let aws: SecretsManagerClient;
  let server: Api;
  let secretId: string;
  let count = 0;
  let events: KeyRingEvent[];
  let ring: KeyRing | undefined;

  beforeAll(async () => {
    moto = await startMoto();
    aws = moto.client();
  });
  afterAll(async () => {
    aws?.destroy();
    await moto?.stop();
  });
  beforeEach(async () => {
    count += 1;
    secretId = `prod/app-${count}`;
    events = [];
    server = await startApi(['one']);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    ring?.close();
    await server.stop();
  });

  const ringOn = (options: Partial<SecretsManagerKeyOptions> = {}): KeyRing =>
    (ring = KeyRing.fromSecretsManager({
      secretId,
      client: aws,
      baseUrl: server.url,
      refreshMs: NEVER_MS,
      minRefreshMs: 0,
      onEvent: (event) => events.push(event),
      ...options,
    }));
  const create = (text: string): Promise<unknown> => aws.send(new CreateSecretCommand({ Name: secretId, SecretString: text }));
  const put = (text: string, ...VersionStages: string[]): Promise<{ VersionId?: string | undefined }> =>
    aws.send(new PutSecretValueCommand({ SecretId: secretId, SecretString: text, ...(VersionStages.length > 0 ? { VersionStages } : {}) }));
  const keySent = async (): Promise<string | undefined> => {
    await ring?.fetch('/');
    return server.keysSeen().at(-1);
  };

  it('finds no key in a secret that waits for its first one, which shows as {}', async () => {
    await create('{}');
    await expect(ringOn().ready()).rejects.toMatchObject({ code: 'no-key' });
    await put('one');
    expect(await keySent()).toBe('one');
  });

  it('sends the value of AWSCURRENT, and not one that is only pending', async () => {
    await create('one');
    await put('two', 'AWSPENDING');
    ringOn();
    expect(await keySent()).toBe('one');
    expect(ring?.status()).toMatchObject({ using: 'primary', hasBackup: false, problem: null });
  });

  it('finds the new key after a 401 when AWSCURRENT moved', async () => {
    await create('one');
    const { VersionId } = await put('two', 'AWSPENDING');
    ringOn();
    expect(await keySent()).toBe('one');
    const before = ring?.status().version;
    await aws.send(new UpdateSecretVersionStageCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT', MoveToVersionId: VersionId, RemoveFromVersionId: before ?? undefined }));
    server.accept('two');
    expect((await ring?.fetch('/'))?.status).toBe(200);
    expect(server.keysSeen()).toEqual(['one', 'one', 'two']);
    expect(ring?.status()).toMatchObject({ version: VersionId, hasBackup: true });
  });

  it('falls back to AWSPREVIOUS when AWSCURRENT is refused', async () => {
    await create('one');
    await put('two');
    ringOn();
    expect((await ring?.fetch('/'))?.status).toBe(200);
    expect(server.keysSeen()).toEqual(['two', 'one']);
    expect(events.map(({ type }) => type)).toEqual(['refreshed', 'fell-back']);
  });

  it('looks by the clock, and reads only the current version id while that stays', async () => {
    await create('one');
    const asked = vi.spyOn(aws, 'send');
    ringOn({ refreshMs: 20 });
    expect(await keySent()).toBe('one');
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThanOrEqual(5));
    expect(askedStages(asked).slice(0, 5)).toEqual(['AWSCURRENT', 'AWSPREVIOUS', 'AWSCURRENT', 'AWSCURRENT', 'AWSCURRENT']);
    server.accept('one', 'two');
    await put('two');
    await vi.waitFor(async () => expect(await keySent()).toBe('two'));
    expect(server.calls.every(({ status }) => status === 200)).toBe(true);
  });

  it('reads AWSPREVIOUS too after a 401, since it may have moved alone', async () => {
    await create('one');
    const { VersionId } = await put('spare', 'LATER');
    ringOn();
    expect(await keySent()).toBe('one');
    await aws.send(new UpdateSecretVersionStageCommand({ SecretId: secretId, VersionStage: 'AWSPREVIOUS', MoveToVersionId: VersionId }));
    server.accept('spare');
    expect((await ring?.fetch('/'))?.status).toBe(200);
    expect(server.keysSeen().at(-1)).toBe('spare');
  });

  it('takes one field of a JSON secret', async () => {
    await create(JSON.stringify({ other: 'x', key: 'one' }));
    ringOn({ field: 'key' });
    expect(await keySent()).toBe('one');
  });

  it('has no backup where another field of the secret changed: both versions hold the same key', async () => {
    await create(JSON.stringify({ other: 'x', key: 'one' }));
    await put(JSON.stringify({ other: 'y', key: 'one' }));
    ringOn({ field: 'key' });
    expect(await keySent()).toBe('one');
    expect(ring?.status().hasBackup).toBe(false);
  });

  it.each([
    ['no such field', '{"other":"canary"}'],
    ['a field that is no text', '{"key":{"canary":1}}'],
    ['no JSON, which a parser would quote', 'canary'],
  ])('says so, without the text, when the secret has %s', async (_what, text) => {
    await create(text);
    ringOn({ field: 'key' });
    const error: unknown = await ring?.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'no-key' });
    expect(String(error)).toContain('no text in the top-level field key');
    expect(`${String(error)} ${JSON.stringify(events)}`).not.toContain('canary');
  });

  it('keeps the keys when the service fails, tells it once, and says when it is over', async () => {
    await create('one');
    let denied = false;
    let denials = 0;
    const client = moto.client();
    client.middlewareStack.add((next) => async (args) => {
      if (!denied) return next(args);
      denials += 1;
      throw Object.assign(new Error('one'), { name: 'AccessDeniedException' });
    });
    ringOn({ refreshMs: 20, client });
    expect(await keySent()).toBe('one');
    denied = true;
    await vi.waitFor(() => expect(denials).toBeGreaterThanOrEqual(3));
    expect(ring?.status().problem).toMatchObject({ code: 'unreadable' });
    expect(await keySent()).toBe('one');
    denied = false;
    await vi.waitFor(() => expect(ring?.status().problem).toBeNull());
    expect(events.map(({ type }) => type)).toEqual(['refreshed', 'problem', 'refreshed']);
    client.destroy();
  });

  it('asks no more often than once in minRefreshMs when refused keys ask for it', async () => {
    await create('one');
    const asked = vi.spyOn(aws, 'send');
    server.accept();
    ringOn({ minRefreshMs: NEVER_MS });
    for (let call = 0; call < 10; call += 1) expect((await ring?.fetch('/'))?.status).toBe(401);
    expect(askedStages(asked).filter((stage) => stage === 'AWSCURRENT')).toHaveLength(2);
  });

  it('says which secret is missing', async () => {
    ringOn();
    await expect(ring?.ready()).rejects.toThrow(`The AWS secret ${secretId} does not exist in this account and region`);
    expect(ring?.status().problem?.code).toBe('missing');
  });

  it('makes its own client from endpoint and region, with the default credentials', async () => {
    await create('one');
    for (const [name, value] of Object.entries(moto.env)) vi.stubEnv(name, value);
    ring = KeyRing.fromSecretsManager({ secretId, endpoint: moto.endpoint, region: moto.region, baseUrl: server.url });
    expect(await keySent()).toBe('one');
    vi.unstubAllEnvs();
  });
});
