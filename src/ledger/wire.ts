/** A batch in PostgreSQL's own protocol: parse what the session does not know yet, bind and execute each, then one sync. */
import type { Statement } from './statement.ts';

const FIRST_BYTES = 4_096;
/** Types of messages: a letter each. */
const [BIND, CLOSE, DESCRIBE, EXECUTE, PARSE, SYNC] = [0x42, 0x43, 0x44, 0x45, 0x50, 0x53] as const;
const [STATEMENT_KIND, PORTAL_KIND] = [0x53, 0x50] as const;

/** Bytes that grow, with each message's length filled in when it ends. */
class Messages {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;
  #begin = 0;

  begin(type: number): this {
    this.byte(type);
    this.#begin = this.#end;
    return this.int32(0);
  }

  finish(): void {
    this.#bytes.writeInt32BE(this.#end - this.#begin, this.#begin);
  }

  byte(value: number): this {
    this.#room(1);
    this.#end = this.#bytes.writeUInt8(value, this.#end);
    return this;
  }

  int16(value: number): this {
    this.#room(2);
    this.#end = this.#bytes.writeInt16BE(value, this.#end);
    return this;
  }

  int32(value: number): this {
    this.#room(4);
    this.#end = this.#bytes.writeInt32BE(value, this.#end);
    return this;
  }

  text(value: string): this {
    this.#room(value.length * 3);
    this.#end += this.#bytes.write(value, this.#end);
    return this;
  }

  sized(value: string): this {
    return this.int32(Buffer.byteLength(value)).text(value);
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + bytes));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }
}

/**
 * The messages of a batch. Without a sync in between the server runs them as one transaction, and skips what follows an
 * error. `known` are the names that this session has prepared; a name of which that is not sure is closed before it is parsed.
 */
export function batchMessages(statements: readonly Statement[], known: ReadonlySet<string>): Buffer {
  const out = new Messages();
  const parsed = new Set(known);
  for (const { name, text, values } of statements) {
    if (!parsed.has(name)) {
      out.begin(CLOSE).byte(STATEMENT_KIND).text(name).byte(0).finish();
      out.begin(PARSE).text(name).byte(0).text(text).byte(0).int16(0).finish();
      parsed.add(name);
    }
    bind(out, name, values);
    out.begin(EXECUTE).byte(0).int32(0).finish();
  }
  out.begin(SYNC).finish();
  return out.taken();
}

/** The messages of one query that is not kept: its rows are described. */
export function queryMessages(text: string, values: readonly (string | null)[]): Buffer {
  const out = new Messages();
  out.begin(PARSE).byte(0).text(text).byte(0).int16(0).finish();
  bind(out, '', values);
  out.begin(DESCRIBE).byte(PORTAL_KIND).byte(0).finish();
  out.begin(EXECUTE).byte(0).int32(0).finish();
  out.begin(SYNC).finish();
  return out.taken();
}

function bind(out: Messages, name: string, values: readonly (string | null)[]): void {
  out.begin(BIND).byte(0).text(name).byte(0).int16(0).int16(values.length);
  for (const value of values) {
    if (value === null) out.int32(-1);
    else out.sized(value);
  }
  out.int16(0).finish();
}

/** A parameter as node-postgres would send it: what the queue and Kysely are written for. */
export function asParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (Array.isArray(value)) return `{${value.map(asElement).join(',')}}`;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? value.toString() : JSON.stringify(value);
}

function asElement(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  const text = asParameter(value) ?? '';
  return Array.isArray(value) ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** Gathers the answers of a batch as they come in: of each statement its rows' first column. */
export class BatchAnswers {
  readonly #answers: (string | null)[][] = [];
  #rows: (string | null)[] = [];

  row(fields: readonly (string | null)[]): void {
    this.#rows.push(fields[0] ?? null);
  }

  complete(): void {
    this.#answers.push(this.#rows);
    this.#rows = [];
  }

  all(): readonly (readonly (string | null)[])[] {
    return this.#answers;
  }
}
