import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { leaksIn } from '../../src/demo/judge.ts';
import { FOUND_AT, shownReport, signedReport } from '../../src/demo/scanner.ts';
import { createSignedLeakSource } from '../../src/leaks/signed/index.ts';
import { sandbox } from '../sandbox/support.ts';

const SECRET = 'shared-by-scanner-and-worker';
const NOW = Date.parse('2026-11-22T10:02:00.000Z');

test('the scanner\'s report is what Keyturn takes, and what is shown of it gives neither the key nor the signature away', async () => {
  const { adminKey } = await sandbox();
  const report = signedReport('http://127.0.0.1:24000/v1/leaks/scanner', SECRET, adminKey, NOW);
  const source = createSignedLeakSource({ name: 'scanner', secret: () => new Secret(SECRET), toleranceMs: 300_000 });
  const delivery = { body: Buffer.from(report.body), headers: { 'x-keyturn-signature': report.signature } };
  const verified = source.verify?.(delivery, () => Promise.resolve(new Date(NOW)), new AbortController().signal) ?? Promise.reject(new Error('nothing is verified'));
  await expect(verified).resolves.toBeUndefined();
  expect(source.read(delivery)).toMatchObject({ leaks: [{ secret: { kind: 'value', value: adminKey }, url: FOUND_AT }], malformed: 0 });

  const shown = shownReport(report, adminKey);
  expect(shown).toContain(FOUND_AT);
  expect(leaksIn({ shown })).toEqual([]);
  expect(shown).not.toContain(report.signature);
});

test('a free port can be listened on, and is none of those that connections are given', async () => {
  const port = await freePort();
  expect(port).toBeLessThan(32_768);
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(port, '127.0.0.1', resolve); });
});
