import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { motoAvailable } from '../support/moto.ts';
import { mintedFor, openRig, readEnv, startSurroundings, type Surroundings } from '../support/rig.ts';
import { RUNTIMES } from '../support/runtimes.ts';

const SECRET_VARIABLE = 'KEYTURN_TEST_HOOK_SECRET';
const SECRET = 'hook-secret-of-the-tests-0123456789';

describe.skipIf(!motoAvailable()).each(RUNTIMES.filter((runtime) => runtime.name === 'embedded'))('reload hooks, on $name', (runtime) => {
  let around: Surroundings;
  let server: Server;
  let url: string;
  const received: { event: string; rotationId: string; genuine: boolean }[] = [];
  let status = 200;

  beforeAll(async () => {
    process.env[SECRET_VARIABLE] = SECRET;
    around = await startSurroundings();
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const [, t, v1] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(String(request.headers['x-keyturn-signature'])) ?? [];
        const genuine = createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex') === v1;
        received.push({ ...(JSON.parse(body) as { event: string; rotationId: string }), genuine });
        response.statusCode = status;
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/reload`;
  });
  afterAll(async () => {
    server.close();
    await around.stop();
  });

  const hooks = (directory: string): Record<string, unknown> => ({
    hooks: {
      post: { type: 'http', url, secret: `\${env:${SECRET_VARIABLE}}`, attempts: 1, timeout: '1s' },
      touch: { type: 'command', command: ['/bin/sh', '-c', `env > ${directory}`] },
    },
  });

  test('run after every store serves the new key, signed, and without the key', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'keyturn-hook-'));
    const seen = join(scratch, 'environment');
    const rig = await openRig(runtime, around, { credentials: { 'hook-api': { hooks: ['post', 'touch'] } }, sections: hooks(seen) });
    const done = await rig.reached('hook-api', 'done');
    expect(received).toMatchObject([{ event: 'promoted', credential: 'hook-api', rotationId: done.id, genuine: true }]);
    const environment = readFileSync(seen, 'utf8');
    expect(environment).toContain('KEYTURN_CREDENTIAL=hook-api');
    expect(environment).not.toContain(readEnv(rig.envFile('hook-api'))['HYPERMEMORY_API_KEY']);
    expect(environment).not.toContain(SECRET);
    rmSync(scratch, { recursive: true });
    await rig.close();
  });

  test('that fail past the deadline turn the rotation back: the old key is current, and applications are told again', async () => {
    const rig = await openRig(runtime, around, { credentials: { 'bad-hook-api': { hooks: ['post'], policy: { deadlines: { confirm: '2s', verify: '3s', retry: '1h' } } } }, sections: hooks('/dev/null') });
    await rig.reached('bad-hook-api', 'done');
    const before = readEnv(rig.envFile('bad-hook-api'));
    received.length = 0;
    status = 500;
    const rotation = await rig.rotate('bad-hook-api');
    status = 200;
    expect(rotation.state).toBe('rolled_back');
    expect(received.map((r) => r.event)).toContain('rolled_back');
    expect(readEnv(rig.envFile('bad-hook-api'))).toEqual(before);
    expect((await mintedFor(around.sandbox, 'bad-hook-api')).map((key) => key.status)).toEqual(['active', 'revoked']);
    await rig.close();
  });
});
