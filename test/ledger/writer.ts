/** A process that opens an embedded ledger and writes until it is killed; says each number once its write is acknowledged. */
import { openLedger } from '../../src/ledger/index.ts';
import { ROOT_KEY_TEXT } from './writer-key.ts';
import { Secret } from '../../src/core/secret.ts';

const dataDir = process.argv[2] ?? '';
const { ledger } = await openLedger({ dataDir, rootKey: new Secret(ROOT_KEY_TEXT) });
process.stdout.write('open\n');
for (let n = 1; ; n += 1) {
  await ledger.audit({ type: 'write', actor: { who: 'writer', why: 'test' }, credential: null, rotationId: null, keyId: null, detail: { n } });
  if (n % 5 === 0) await ledger.seal(100);
  if (n % 7 === 0) await ledger.sync();
  process.stdout.write(`${n}\n`);
}
