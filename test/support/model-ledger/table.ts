/**
 * Tables in memory with what a transaction needs: rows are values that are replaced and never changed, and a journal
 * remembers what they replaced, so that a transaction that throws leaves nothing behind.
 */
type Undo = () => void;

/** What the transaction under way would have to take back. */
export class Journal {
  #undos: Undo[] = [];

  note(undo: Undo): void {
    this.#undos.push(undo);
  }

  /** Runs `work` as one transaction: all of it or, when it throws, nothing. It cannot be interrupted, for it never waits. */
  run<T>(work: () => T): T {
    this.#undos = [];
    try {
      return work();
    } catch (error) {
      for (let last = this.#undos.pop(); last !== undefined; last = this.#undos.pop()) last();
      throw error;
    }
  }
}

/** The rows of a table that share a word; those for which `wordOf` says null are left out. Groups have no order. */
export class Index<Row, Key> {
  readonly #wordOf: (row: Row) => string | null;
  readonly #groups = new Map<string, Map<Key, Row>>();

  constructor(wordOf: (row: Row) => string | null) {
    this.#wordOf = wordOf;
  }

  of(word: string): Row[] {
    return [...(this.#groups.get(word)?.values() ?? [])];
  }

  /** The only row of its group. */
  one(word: string): Row | undefined {
    return this.#groups.get(word)?.values().next().value;
  }

  replace(key: Key, before: Row | undefined, after: Row | undefined): void {
    const from = before === undefined ? null : this.#wordOf(before);
    const to = after === undefined ? null : this.#wordOf(after);
    if (from !== null && from !== to) this.#drop(from, key);
    if (to === null || after === undefined) return;
    const group = this.#groups.get(to);
    if (group === undefined) this.#groups.set(to, new Map([[key, after]]));
    else group.set(key, after);
  }

  #drop(word: string, key: Key): void {
    const group = this.#groups.get(word);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(word);
  }
}

export class Table<Row extends object, Key extends string | number = string> {
  readonly #rows = new Map<Key, Row>();
  readonly #journal: Journal;
  readonly #keyOf: (row: Row) => Key;
  readonly #indexes: readonly Index<Row, Key>[];

  constructor(journal: Journal, keyOf: (row: Row) => Key, indexes: readonly Index<Row, Key>[] = []) {
    this.#journal = journal;
    this.#keyOf = keyOf;
    this.#indexes = indexes;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key);
  }

  all(): Row[] {
    return [...this.#rows.values()];
  }

  /** Inserts the row or takes the place of the one with its key; answers it. */
  put(row: Row): Row {
    this.#replace(this.#keyOf(row), row);
    return row;
  }

  delete(key: Key): boolean {
    if (!this.#rows.has(key)) return false;
    this.#replace(key, undefined);
    return true;
  }

  #replace(key: Key, after: Row | undefined): void {
    const before = this.#rows.get(key);
    this.#set(key, before, after);
    this.#journal.note(() => this.#set(key, after, before));
  }

  #set(key: Key, before: Row | undefined, after: Row | undefined): void {
    if (after === undefined) this.#rows.delete(key);
    else this.#rows.set(key, after);
    for (const index of this.#indexes) index.replace(key, before, after);
  }
}
