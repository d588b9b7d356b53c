import { KeyturnError, describeError } from '../core/errors.ts';

/** SQLSTATE classes and codes of a server that cannot be used now or with this login, and Node's socket errors. */
const UNREACHABLE = /^(08...|57P0.|53...|28...|3D000|E(CONNREFUSED|CONNRESET|HOSTUNREACH|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT|AI_AGAIN)|SELF_SIGNED.*|UNABLE_TO_.*|CERT_.*|DEPTH_ZERO.*|ERR_TLS.*)$/;
const UNREACHABLE_TEXT = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after)|^the embedded ledger is closed|does not support SSL/;

export function sqlState(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Deadlock and serialization failure: the transaction did nothing and may run again. */
export function mayRunAgain(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001';
}

/** What the ledger throws for what its driver threw. Never names the URL, which may hold a password. */
export function ledgerError(error: unknown): unknown {
  if (error instanceof KeyturnError || !(error instanceof Error)) return error;
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  const code = sqlState(error) ?? sqlState(inner);
  if ((code === null || !UNREACHABLE.test(code)) && !UNREACHABLE_TEXT.test(error.message)) return error;
  return new KeyturnError('LEDGER_UNREACHABLE', `The ledger database does not answer (${code ?? describeError(error)}): nothing is rotated until it does.`, {
    cause: error,
    todo: 'Check that the server runs and that DATABASE_URL names its host, database, user and password.',
  });
}
