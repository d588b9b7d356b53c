/**
 * Statements with a fixed text, for the ledger's hot paths. Each is prepared once a session under a name of its own, and
 * several travel as one batch: one round trip and one transaction, of which all or nothing holds.
 */

/** An answer comes as rows of one text column at most, usually JSON: both drivers give that alike. */
export interface Statement {
  /** Of the prepared statement; the same for the same text. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly (string | null)[];
}

type Value = string | number | boolean | Date | null;

/** A part of a statement, with values of its own. */
export class Fragment {
  readonly strings: readonly string[];
  readonly values: readonly (Value | Fragment)[];

  constructor(strings: readonly string[], values: readonly (Value | Fragment)[]) {
    this.strings = strings;
    this.values = values;
  }
}

/** SQL to be put into a statement. Values become parameters; strings are never pasted into the text. */
export function fragment(strings: TemplateStringsArray, ...values: readonly (Value | Fragment)[]): Fragment {
  return new Fragment(strings, values);
}

const names = new Map<string, string>();

/** A statement of the ledger: values become parameters `$1`, `$2`, …; fragments bring theirs with them. */
export function statement(strings: TemplateStringsArray, ...values: readonly (Value | Fragment)[]): Statement {
  const bound: (string | null)[] = [];
  const text = textOf(new Fragment(strings, values), bound);
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `keyturn_${names.size + 1}`));
  return { name, text, values: bound };
}

function textOf({ strings, values }: Fragment, bound: (string | null)[]): string {
  let text = strings[0] ?? '';
  values.forEach((value, index) => {
    text += value instanceof Fragment ? textOf(value, bound) : `$${bound.push(asText(value))}`;
    text += strings[index + 1] ?? '';
  });
  return text;
}

function asText(value: Value): string | null {
  if (value instanceof Date) return value.toISOString();
  return value === null ? null : String(value);
}

/** The ledger's clock within a statement: read once, so that indexes can be searched with it. */
export const AT_NOW = fragment`(select keyturn.now())`;

/** The instant `ms` milliseconds after the ledger's now. */
export function atNowPlus(ms: number): Fragment {
  return fragment`(select keyturn.now() + ${ms}::float8 * interval '1 millisecond')`;
}

const SEPARATOR = '\u0001';

/** Serialises, until the transaction ends, everybody who asks with the same words. */
export function lockWords(...words: readonly string[]): Statement {
  return statement`select null::text from (select pg_advisory_xact_lock(hashtextextended(${words.join(SEPARATOR)}, 0)) offset 0) taken`;
}

/** The same for many at once, always in the same order: two that ask for several of the same never wait for each other. */
export function lockAll(all: readonly (readonly string[])[]): Statement {
  return statement`
    select count(pg_advisory_xact_lock(key))::text
    from (select hashtextextended(words, 0) as key from jsonb_array_elements_text(${JSON.stringify(all.map((words) => words.join(SEPARATOR)))}::jsonb) words order by key offset 0) ordered`;
}
