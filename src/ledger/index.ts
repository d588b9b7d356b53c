export { lockDataDir, type DataDirLock } from './data-dir.ts';
export { openLedger, type LedgerOptions, type OpenLedger } from './open.ts';
export { LEDGER_SCHEMA, QUEUE_SCHEMA, type SqlClient, type SqlPool } from './pool.ts';
