import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeyRing } from '../../src/client/index.ts';
import type { KeyReading } from '../../src/client/source.ts';
import { startApi, type Api } from './api.ts';

let server: Api;
let ring: KeyRing;
beforeEach(async () => {
  server = await startApi(['old']);
});
afterEach(async () => {
  ring.close();
  await server.stop();
});

it('a read that was under way when the key died, and shows only that the backup is gone, is not taken for news', async () => {
  const reads: ((reading: KeyReading) => void)[] = [];
  const watchers: (() => void)[] = [];
  ring = KeyRing.from(
    {
      name: 'test',
      read: () => new Promise((resolve) => reads.push(resolve)),
      watch: (changed) => {
        watchers.push(changed);
        return () => watchers.splice(0);
      },
    },
    { baseUrl: server.url },
  );
  const answered = async (n: number, reading: KeyReading): Promise<void> => {
    await expect.poll(() => reads.length).toBeGreaterThan(n);
    reads[n]?.(reading);
  };
  await answered(0, { primary: 'old', backup: 'older' });
  await ring.ready();

  const held = server.hold();
  server.accept('new');
  const call = ring.fetch('/');
  await expect.poll(() => held.waiting()).toBe(1);
  watchers[0]?.();
  await expect.poll(() => reads.length).toBe(2);
  held.release();
  await answered(1, { primary: 'old' });
  await answered(2, { primary: 'new', backup: 'old' });
  expect((await call).status).toBe(200);
  expect(server.keysSeen()).toEqual(['old', 'new']);
});
