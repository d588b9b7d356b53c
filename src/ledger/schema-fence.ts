/**
 * A newer Keyturn may migrate the ledger under a worker that runs. From then on this one must not write: it would misread
 * what it finds and leave out what it does not know. Leases, renewals, guarded writes and requests ask in their own transaction,
 * so no rotation and no effect of one begins any more; every other write asks at most a second before.
 */
import { sql, type RawBuilder } from 'kysely';
import type { Ledger } from '../ports/ledger.ts';
import { newerLedger } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { Db } from './sql.ts';
import { Fragment } from './statement.ts';

const FRESH_MS = 1_000;

const UNKNOWN = sql`from keyturn.migration where name not in (${sql.join(Object.keys(MIGRATIONS).map((name) => sql.lit(name)))})`;

/** True in SQL while the ledger holds no migration that this Keyturn does not know. */
export const SCHEMA_KNOWN: RawBuilder<boolean> = sql<boolean>`not exists (select ${UNKNOWN})`;

/** The same for a batch. The names are ours: no value is pasted into the text. */
export const SCHEMA_KNOWN_HERE = new Fragment([`not exists (select from keyturn.migration where name not in (${Object.keys(MIGRATIONS).map((name) => `'${name}'`).join(', ')}))`], []);

/** Throws LEDGER_NEWER. */
export async function requireKnownSchema(db: Db): Promise<void> {
  const { rows } = await sql<{ name: string }>`select name ${UNKNOWN} order by name`.execute(db);
  if (rows.length > 0) throw newerLedger(rows.map(({ name }) => name));
}

/** `fenced`: asks in its own transaction. `writes`: is asked for here. */
export type Methods<T> = Readonly<Record<keyof T, 'reads' | 'writes' | 'fenced'>>;

export const LEDGER_METHODS: Methods<Ledger> = {
  kind: 'reads', now: 'reads', installation: 'reads', credential: 'reads', credentials: 'reads', declaredCredentials: 'reads', issuers: 'reads', retired: 'reads', dueCredentials: 'reads', key: 'reads', keys: 'reads', keysNamed: 'reads',
  keysOf: 'reads', keysOfIssuer: 'reads', rotation: 'reads', openRotation: 'reads', rotations: 'reads', history: 'reads', wakeable: 'reads',
  openDebts: 'reads', debt: 'reads', payableDebts: 'reads', watches: 'reads', pauses: 'reads', auditHead: 'reads', verifyAudit: 'reads',
  auditEvents: 'reads', deliverable: 'reads', dueChannels: 'reads', deliveries: 'reads', channelLags: 'reads', sinceDone: 'reads', figures: 'reads', daily: 'reads', sync: 'reads', close: 'reads',
  lease: 'fenced', renew: 'fenced', commit: 'fenced', ping: 'fenced', request: 'fenced', requestDue: 'fenced',
  declare: 'writes', setDue: 'writes', redate: 'writes', adopt: 'writes', markKey: 'writes', release: 'writes', addDebt: 'writes', addOrphan: 'writes', hurryDebt: 'writes', askAbort: 'writes', askResume: 'writes',
  leaseDebt: 'writes', settleDebt: 'writes', postponeDebt: 'writes', watchFound: 'writes', dropExpiredWatches: 'writes', setPause: 'writes',
  clearPause: 'writes', audit: 'writes', seal: 'writes', notify: 'writes', leaseDelivery: 'writes', delivered: 'writes', undelivered: 'writes',
  retryStuck: 'writes', takePace: 'writes', restPace: 'writes', noteDone: 'writes',
};

/** `target` with every writing method asking first. */
export function fenced<T extends object>(target: T, methods: Methods<T>, db: Db): T {
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<void> => {
    const now = performance.now();
    if (now - askedAt < FRESH_MS) return;
    await requireKnownSchema(db);
    askedAt = now;
  };
  const members = Object.entries(target).map(([name, member]: [string, unknown]) => {
    if (methods[name as keyof T] !== 'writes') return [name, member];
    const write = async (...parameters: unknown[]): Promise<unknown> => {
      await ask();
      return await (member as (...given: unknown[]) => Promise<unknown>)(...parameters);
    };
    return [name, write];
  });
  return Object.fromEntries(members) as T;
}
