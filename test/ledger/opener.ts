/** A process that opens a shared ledger, migrating it if nobody has, writes one event, and says its installation. */
import { openLedger } from '../../src/ledger/index.ts';
import { ROOT_KEY } from '../support/open.ts';

const [dataDir = '', databaseUrl = ''] = process.argv.slice(2);
const { ledger } = await openLedger({ dataDir, databaseUrl, rootKey: ROOT_KEY });
await ledger.audit({ type: 'opened', actor: { who: String(process.pid), why: 'test' }, credential: null, rotationId: null, keyId: null, detail: {} });
process.stdout.write(`${await ledger.installation()}\n`);
await ledger.close();
