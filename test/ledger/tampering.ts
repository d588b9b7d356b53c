/** What somebody with the database's password, but not the root key, could do to the audit log: in SQL, and to the model. */
import type { Tamperable } from '../support/model-ledger/index.ts';
import type { OpenLedger } from './ledgers.ts';

export interface Attack {
  readonly what: string;
  readonly sql: readonly string[];
  readonly model: (log: Tamperable) => void;
  /** The first event that no longer verifies, when eight were sealed. */
  readonly seq: number;
  /** A word of the reason. */
  readonly why: string;
}

type Event = ReturnType<Tamperable['audit']['all']>[number];

/** Changes the events that fit, as an update does. */
function edit({ audit }: Tamperable, fits: (pos: number) => boolean, change: (event: Event, pos: number) => Partial<Event>): void {
  for (const event of audit.all()) if (event.pos !== null && fits(event.pos)) audit.put({ ...event, ...change(event, event.pos) });
}

function remove({ audit }: Tamperable, fits: (pos: number) => boolean): void {
  for (const event of audit.all()) if (event.pos !== null && fits(event.pos)) audit.delete(event.id);
}

/** Copies the event at one place to another, under another type. */
function forge({ audit }: Tamperable, from: number, to: number): void {
  for (const event of audit.all()) if (event.pos === from) audit.put({ ...event, id: 1_000_000 + to, type: 'forged', pos: to });
}

function moveRecord(log: Tamperable, pos: number): void {
  if (log.head !== null) log.head = { ...log.head, pos };
}

const RECORD = "update keyturn.meta set value = jsonb_set(value, '{pos}', '$') where key = 'audit.head'";
const FORGED = 'insert into keyturn.audit (at, type, actor, detail, pos, hash) select at, \'forged\', actor, detail, $, hash from keyturn.audit where pos = ';

export const ATTACKS: readonly Attack[] = [
  {
    what: 'a changed word',
    sql: ["update keyturn.audit set detail = '{}' where pos = 3"],
    model: (log) => edit(log, (pos) => pos === 3, () => ({ detail: {} })),
    seq: 3, why: 'changed',
  },
  {
    what: 'a changed time',
    sql: ["update keyturn.audit set at = at + interval '1 ms' where pos = 2"],
    model: (log) => edit(log, (pos) => pos === 2, ({ at }) => ({ at: at + 1 })),
    seq: 2, why: 'changed',
  },
  {
    what: 'a removed event',
    sql: ['delete from keyturn.audit where pos = 4'],
    model: (log) => remove(log, (pos) => pos === 4),
    seq: 4, why: 'removed',
  },
  {
    what: 'the first removed',
    sql: ['delete from keyturn.audit where pos = 1'],
    model: (log) => remove(log, (pos) => pos === 1),
    seq: 1, why: 'removed',
  },
  {
    what: 'two swapped',
    sql: ['update keyturn.audit set pos = -1 where pos = 2', 'update keyturn.audit set pos = 2 where pos = 3', 'update keyturn.audit set pos = 3 where pos = -1'],
    model: (log) => edit(log, (pos) => pos === 2 || pos === 3, (_event, pos) => ({ pos: 5 - pos })),
    seq: 2, why: 'moved',
  },
  {
    what: 'a removed tail',
    sql: ['delete from keyturn.audit where pos > 5'],
    model: (log) => remove(log, (pos) => pos > 5),
    seq: 6, why: 'last 3 events were removed',
  },
  {
    what: 'everything removed',
    sql: ['delete from keyturn.audit'],
    model: (log) => remove(log, () => true),
    seq: 1, why: 'last 8 events',
  },
  {
    what: 'a tail removed with its record',
    sql: ['delete from keyturn.audit where pos > 5', RECORD.replace('$', '5')],
    model: (log) => {
      remove(log, (pos) => pos > 5);
      moveRecord(log, 5);
    },
    seq: 6, why: 'record',
  },
  {
    what: 'the record removed',
    sql: ["delete from keyturn.meta where key = 'audit.head'"],
    model: (log) => void (log.head = null),
    seq: 9, why: 'record',
  },
  {
    what: 'one spliced in',
    sql: ['update keyturn.audit set pos = pos + 100 where pos > 4', `${FORGED.replace('$', '5')}4`, 'update keyturn.audit set pos = pos - 99 where pos > 100'],
    model: (log) => {
      edit(log, (pos) => pos > 4, (_event, pos) => ({ pos: pos + 1 }));
      forge(log, 4, 5);
    },
    seq: 5, why: 'inserted',
  },
  {
    what: 'one appended',
    sql: [`${FORGED.replace('$', '9')}8`],
    model: (log) => forge(log, 8, 9),
    seq: 9, why: '',
  },
  {
    what: 'a hash taken away',
    sql: ['update keyturn.audit set hash = null where pos = 7'],
    model: (log) => edit(log, (pos) => pos === 7, () => ({ hash: null })),
    seq: 7, why: 'no hash',
  },
];

/** The record of the chain's end moved back to its start. */
export const MOVED_RECORD: Pick<Attack, 'sql' | 'model'> = { sql: [RECORD.replace('$', '0')], model: (log) => moveRecord(log, 0) };

export interface Tampering {
  readonly attack: (attack: Pick<Attack, 'sql' | 'model'>) => Promise<void>;
  /** Empties the log and puts the record of its end back to the start. */
  readonly startAgain: () => Promise<void>;
}

/** For a ledger whose log is still empty. */
export async function tampering({ below }: OpenLedger): Promise<Tampering> {
  if (below.kind === 'model') {
    const { tamper } = below.model;
    let start: Tamperable['head'] = null;
    tamper(({ head }) => (start = head));
    const empty = (log: Tamperable): void => {
      for (const { id } of log.audit.all()) log.audit.delete(id);
      log.head = start;
    };
    return { attack: async ({ model }) => tamper(model), startAgain: async () => tamper(empty) };
  }
  const { pool } = below.open;
  const run = async (...statements: readonly string[]): Promise<void> => {
    await pool.query('alter table keyturn.audit disable trigger user');
    for (const statement of statements) await pool.query(statement);
    await pool.query('alter table keyturn.audit enable trigger user');
  };
  const { rows } = await pool.query("select value::text from keyturn.meta where key = 'audit.head'");
  const start = `insert into keyturn.meta values ('audit.head', '${String(rows[0]?.['value'])}') on conflict (key) do update set value = excluded.value`;
  return { attack: ({ sql }) => run(...sql), startAgain: () => run('truncate keyturn.audit', start) };
}
