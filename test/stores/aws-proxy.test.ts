import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSecretsManagerStore } from '../../src/stores/aws-secrets-manager/index.ts';
import { motoAvailable, startMoto, type Moto } from '../support/moto.ts';

describe.skipIf(!motoAvailable())('Secrets Manager behind a proxy', () => {
  let moto: Moto;
  let proxy: Server;
  const passed: string[] = [];

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    // A forward proxy for plain HTTP: the request line holds the whole address.
    proxy = createServer((incoming, outgoing) => {
      passed.push(incoming.url ?? '');
      incoming.pipe(request(incoming.url ?? '', { method: incoming.method, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    proxy.close();
    await moto.stop();
  });

  test('is reached through it', async () => {
    const proxyEnv = { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const store = createSecretsManagerStore({ name: 'aws', secretId: 'behind/proxy', region: moto.region, endpoint: moto.endpoint, proxyEnv });
    expect((await store.read(AbortSignal.timeout(10_000))).exists).toBe(false);
    expect(passed[0]).toContain(moto.endpoint);
    await store.close?.();
  });
});
