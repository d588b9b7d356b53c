import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  ReplicateSecretToRegionsCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { SecretStore } from '../../src/ports/store.ts';
import { createSecretsManagerStore } from '../../src/stores/aws-secrets-manager/index.ts';
import { motoAvailable, startMoto, type Moto } from '../support/moto.ts';
import { Outside, storeIn } from './aws-harness.ts';

const NEXT = new Secret('hm_live_next_fedcba9876543210fedcba9876543210');
const LATER = new Secret('hm_live_later_00112233445566778899aabbccddee');
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

async function promote(store: SecretStore, attempt: string, value: Secret, displaced: 'keep' | 'drop' = 'keep'): Promise<void> {
  const { version } = await store.read(signal());
  await store.promote({ attempt, value, expect: version, displaced }, signal());
}

function locationOf(secretId: string, field?: string): string {
  return createSecretsManagerStore({ name: 's', secretId, region: 'eu-west-1', ...(field === undefined ? {} : { field }) }).location;
}

/** A client that dies (as a process would) right after its nth change reached AWS, or right before. */
function dyingClient(moto: Moto, dieAt: number, when: 'before' | 'after'): SecretsManagerClient {
  const client = moto.client();
  let changes = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const change = !/Get|Describe/.test(context.commandName ?? '');
      if (change) changes += 1;
      if (change && changes === dieAt && when === 'before') throw new Error('died');
      const result = await next(args);
      if (change && changes === dieAt && when === 'after') throw new Error('died');
      return result;
    },
    { step: 'initialize' },
  );
  return client;
}

describe.skipIf(!motoAvailable())('aws-secrets-manager', () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  it('stages as AWSPENDING and ends with AWSCURRENT, AWSPREVIOUS and no pending label anywhere', async () => {
    const outside = await new Outside(moto).create('hm_live_old_value');
    const store = storeIn(moto, outside.id);
    await store.stage('01J-a', NEXT, signal());
    expect(await outside.text('AWSPENDING')).toBe(NEXT.reveal());
    await promote(store, '01J-a', NEXT);
    await store.retire(() => true, 'superseded', signal());
    expect(await outside.labelSets()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
    expect(await outside.text('AWSPREVIOUS')).toBe('hm_live_old_value');
  });

  it('moves AWSPREVIOUS off a rejected key, and keeps it on a superseded one', async () => {
    const outside = await new Outside(moto).create('hm_live_old_value');
    const store = storeIn(moto, outside.id);
    await promote(store, 'a', NEXT);
    await promote(store, 'a:rollback', new Secret('hm_live_old_value'), 'drop');
    expect(await outside.text('AWSPREVIOUS')).toBe(NEXT.reveal());
    await store.retire(({ value }) => value.equals(NEXT), 'rejected', signal());
    expect(await outside.labelSets()).toEqual(['AWSCURRENT']);
  });

  it('keeps the other fields of a JSON secret byte for byte, also when they moved between staging and promotion', async () => {
    const outside = await new Outside(moto).create('{ "n": 12345678901234567890,\n\t"key" : "hm_live_old_value", "nested": {"key": "no"}, "u": "\\u00e9" }');
    const store = storeIn(moto, outside.id, { field: 'key' });
    await store.stage('a', NEXT, signal());
    await outside.write('{ "n": 1.50,\n\t"key" : "hm_live_old_value", "nested": {"key": "no"}, "added": null }');
    await promote(store, 'a', NEXT);
    expect(await outside.text()).toBe(`{ "n": 1.50,\n\t"key" : "${NEXT.reveal()}", "nested": {"key": "no"}, "added": null }`);
    expect((await outside.labelSets()).join(' ')).not.toContain('AWSPENDING');
  });

  it.each(['before', 'after'] as const)('finishes a promotion that died %s any one of its changes, without a trace', async (when) => {
    for (let dieAt = 1; ; dieAt += 1) {
      const outside = await new Outside(moto).create('{"key":"hm_live_old_value","other":1}');
      const options = { field: 'key' };
      const store = storeIn(moto, outside.id, options);
      const dying = storeIn(moto, outside.id, { ...options, client: dyingClient(moto, dieAt, when) });
      const { version } = await store.read(signal());
      const request = { attempt: 'a', value: NEXT, expect: version, displaced: 'keep' } as const;
      const died = await dying.stage('a', NEXT, signal()).then(() => dying.promote(request, signal())).then(() => false, () => true);
      await store.stage('a', NEXT, signal());
      await store.promote(request, signal());
      const view = await store.read(signal());
      expect(view.slots.map(({ role, attempt }) => `${role} ${attempt}`).sort(), `died at ${dieAt}`).toEqual(['current null', 'displaced a', 'history null']);
      await store.retire(() => true, 'superseded', signal());
      expect(await outside.labelSets(), `died at ${dieAt}`).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
      if (!died) {
        expect(dieAt).toBeGreaterThan(4);
        return;
      }
    }
  });

  it('cleans up what a promotion left that died after its move and was never repeated', async () => {
    const outside = await new Outside(moto).create('hm_live_old_value');
    const store = storeIn(moto, outside.id);
    await store.stage('a', NEXT, signal());
    // Changes of a promotion: the displaced label, the move, then the tidying.
    const dying = storeIn(moto, outside.id, { client: dyingClient(moto, 3, 'before') });
    await expect(promote(dying, 'a', NEXT)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await outside.text()).toBe(NEXT.reveal());
    expect(await outside.text('AWSPENDING')).toBe(NEXT.reveal());
    await store.retire(({ role }) => role === 'displaced', 'superseded', signal());
    expect(await outside.labelSets()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  it('does not touch the pending version of somebody else, and says what to do', async () => {
    const outside = await new Outside(moto).create('hm_live_old_value');
    await outside.pending('theirs');
    const store = storeIn(moto, outside.id);
    await expect(store.stage('a', NEXT, signal())).rejects.toMatchObject({ code: 'STORE_CONFLICT', effect: 'none', todo: expect.stringContaining('--version-stage AWSPENDING') });
    await expect(store.retire(({ role }) => role !== 'current', 'rejected', signal())).rejects.toMatchObject({ code: 'STORE_CONFLICT' });
    expect(await outside.text('AWSPENDING')).toBe('theirs');
    expect(await store.probe(signal())).toMatchObject([{ fatal: true, message: expect.stringContaining('another rotation') }]);
  });

  it('keeps the displaced value of one field findable while the other field rotates twice', async () => {
    const outside = await new Outside(moto).create('{"a":"hm_live_old_a_value","b":"hm_live_old_b_value"}');
    const [a, b] = [storeIn(moto, outside.id, { field: 'a' }), storeIn(moto, outside.id, { field: 'b' })];
    await promote(a, 'a-1', NEXT);
    await promote(b, 'b-1', LATER);
    await promote(b, 'b-2', new Secret('hm_live_third_b_value'));
    const displaced = (await a.read(signal())).slots.filter(({ role }) => role === 'displaced');
    expect(displaced.map(({ attempt, value }) => [attempt, value.reveal()])).toEqual([['a-1', 'hm_live_old_a_value']]);
  });

  it('creates a missing secret only when allowed to, with tags and key, and without a readable key in it', async () => {
    const outside = new Outside(moto);
    const refused = storeIn(moto, outside.id);
    await expect(refused.stage('a', NEXT, signal())).rejects.toMatchObject({ code: 'STORE_MISSING', todo: expect.stringContaining('createIfMissing') });
    expect(await refused.read(signal())).toEqual({ exists: false, version: 'absent', slots: [] });
    expect(await refused.probe(signal())).toMatchObject([{ fatal: true }]);
    const store = storeIn(moto, outside.id, { createIfMissing: true, kmsKeyId: 'alias/keys', tags: { team: 'api' } });
    await store.stage('a', NEXT, signal());
    expect(await outside.text()).toBe('{}');
    const described = await outside.client.send(new DescribeSecretCommand({ SecretId: outside.id }));
    expect(described).toMatchObject({ KmsKeyId: 'alias/keys', Tags: [{ Key: 'team', Value: 'api' }] });
    expect(await store.read(signal())).toMatchObject({ exists: true, version: 'absent', slots: [{ role: 'staged', attempt: 'a' }] });
    await store.promote({ attempt: 'a', value: NEXT, expect: 'absent', displaced: 'keep' }, signal());
    expect(await outside.text()).toBe(NEXT.reveal());
  });

  it('refuses places that it cannot write safely, each with its remedy', async () => {
    const binary = new Outside(moto);
    await binary.client.send(new CreateSecretCommand({ Name: binary.id, SecretBinary: Buffer.from('x') }));
    await expect(storeIn(moto, binary.id).read(signal())).rejects.toMatchObject({ code: 'STORE_UNSUITABLE' });
    const plain = await new Outside(moto).create('no json');
    await expect(storeIn(moto, plain.id, { field: 'f' }).stage('a', NEXT, signal())).rejects.toMatchObject({ code: 'STORE_UNSUITABLE' });
    const nested = await new Outside(moto).create('{"f":{"g":1}}');
    expect(await storeIn(moto, nested.id, { field: 'f' }).probe(signal())).toMatchObject([{ fatal: true, message: expect.stringContaining('holds no text') }]);
    const deleted = await new Outside(moto).create('hm_live_old_value');
    await deleted.client.send(new DeleteSecretCommand({ SecretId: deleted.id }));
    const store = storeIn(moto, deleted.id, { createIfMissing: true });
    await expect(store.read(signal())).rejects.toMatchObject({ code: 'STORE_UNSUITABLE' });
    await expect(store.stage('a', NEXT, signal())).rejects.toMatchObject({ code: 'STORE_UNSUITABLE', todo: expect.stringContaining('restore-secret') });
    expect(await store.probe(signal())).toMatchObject([{ fatal: true, message: expect.stringContaining('scheduled for deletion') }]);
  });

  it('finds a replica and a secret that AWS rotates before anything is created', async () => {
    const replicated = await new Outside(moto).create('hm_live_old_value');
    await replicated.client.send(new ReplicateSecretToRegionsCommand({ SecretId: replicated.id, AddReplicaRegions: [{ Region: 'us-east-1' }] }));
    const replica = storeIn(moto, replicated.id, { region: 'us-east-1', client: moto.client('us-east-1') });
    expect(await replica.probe(signal())).toMatchObject([{ fatal: true, message: expect.stringContaining('region: eu-west-1') }]);
    expect(await storeIn(moto, replicated.id).probe(signal())).toEqual([]);
    const rotated = await new Outside(moto).create('hm_live_old_value');
    await rotated.client.send(new RotateSecretCommand({ SecretId: rotated.id, RotationRules: { AutomaticallyAfterDays: 30 }, RotateImmediately: false }));
    expect(await storeIn(moto, rotated.id).probe(signal())).toContainEqual({ fatal: true, message: expect.stringContaining('cancel-rotate-secret') });
  });

  it.each([
    ['AccessDeniedException', 400, { code: 'STORE_DENIED', todo: expect.stringContaining('secretsmanager:DescribeSecret') }],
    ['ExpiredTokenException', 400, { code: 'STORE_DENIED' }],
    ['DecryptionFailure', 400, { code: 'STORE_DENIED', todo: expect.stringContaining('kms:Decrypt') }],
    ['ThrottlingException', 400, { code: 'STORE_UNAVAILABLE', retryAfterMs: 7_000, effect: 'none' }],
    ['InternalServiceError', 500, { code: 'STORE_UNAVAILABLE' }],
  ])('says what %s means', async (type, status, expected) => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(status, { 'retry-after': '7' }).end(JSON.stringify({ __type: type, message: 'as AWS says it' })));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = new SecretsManagerClient({ endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 });
    await expect(storeIn(moto, 'x', { client }).read(signal())).rejects.toMatchObject(expected);
    server.closeAllConnections();
    server.close();
  });

  it('gives up within its own time when AWS never answers', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = new SecretsManagerClient({ endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    const began = performance.now();
    await expect(storeIn(moto, 'x', { client, callTimeoutMs: 300 }).read(signal())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(performance.now() - began).toBeLessThan(5_000);
    server.closeAllConnections();
    server.close();
  });

  it('finds credentials by itself, as every AWS tool does, and closes what it opened', async () => {
    const outside = await new Outside(moto).create('hm_live_old_value');
    for (const [name, value] of Object.entries(moto.env)) vi.stubEnv(name, value);
    const store = createSecretsManagerStore({ name: 'aws', secretId: outside.id, endpoint: moto.endpoint });
    await promote(store, 'a', NEXT);
    await store.close?.();
    vi.unstubAllEnvs();
    expect(await outside.text()).toBe(NEXT.reveal());
  });

  it('gives two fields of one secret one location, by name or by ARN', () => {
    expect(locationOf('prod/api', 'a')).toBe(locationOf('prod/api', 'b'));
    expect(locationOf('arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api-AbCdEf')).toBe(locationOf('prod/api'));
    expect(locationOf('prod/api')).not.toBe(locationOf('prod/web'));
  });

  it('does not load the AWS SDK until a store is used', () => {
    const script = `
      import { createSecretsManagerStore } from ${JSON.stringify(new URL('../../src/stores/aws-secrets-manager/index.ts', import.meta.url).href)};
      import { createRequire } from 'node:module';
      const store = createSecretsManagerStore({ name: 's', secretId: 'x', endpoint: 'http://127.0.0.1:1', region: 'eu-west-1' });
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@aws-sdk')).length > 0;
      const before = loaded();
      await store.read(AbortSignal.timeout(50)).catch(() => undefined);
      await store.close();
      console.log(before, loaded());`;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([ran.stdout.trim(), ran.stderr]).toEqual(['false true', '']);
  });
});
