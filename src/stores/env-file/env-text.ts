/**
 * The text of an env file, read and edited without touching anything but the asked-for lines. All pure.
 *
 * Files of this kind are read by POSIX `sh` (`. file`), by dotenv libraries, by `docker --env-file` and by systemd,
 * which do not agree on quoting. So a value is written bare where that means the same to all of them.
 */

export interface Assignment {
  readonly variable: string;
  /** From 1. */
  readonly line: number;
  /** What `sh` would assign; null when it would compute the value (`$HOME`, backticks). */
  readonly value: string | null;
  readonly exported: boolean;
  readonly quote: '' | '"' | "'";
  /** Offsets of the value with its quotes. */
  readonly from: number;
  readonly to: number;
  /** Offsets of all lines of the assignment, the line ending included. */
  readonly start: number;
  readonly end: number;
}

const HEAD = /[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/y;
/** A byte order mark, as one character or as UTF-8 bytes read as Latin-1. */
const BOM = /^(?:\uFEFF|\u00EF\u00BB\u00BF)/;
/** Means the same bare to sh, dotenv and docker. */
const BARE = /^[A-Za-z0-9_./:@%+=-]+$/;
const LITERAL_IN_DOUBLE_QUOTES = /^[^"$`\\]*$/;

/** All assignments in order. Other lines (comments, blanks, whatever else) are not listed. */
export function parseEnv(text: string): readonly Assignment[] {
  const found: Assignment[] = [];
  let start = BOM.exec(text)?.[0].length ?? 0;
  let line = 1;
  while (start < text.length) {
    HEAD.lastIndex = start;
    const head = HEAD.exec(text);
    let end = lineEnd(text, start);
    if (head !== null) {
      const from = HEAD.lastIndex;
      const { to, value, quote } = readValue(text, from);
      end = lineEnd(text, to);
      found.push({ variable: head[2] ?? '', line, value, exported: head[1] !== undefined, quote, from, to, start, end });
    }
    line += text.slice(start, end).split('\n').length - 1;
    start = end;
  }
  return found;
}

/** The assignment that counts: the last one, as for every reader. */
export function findVariable(text: string, variable: string): Assignment | null {
  return parseEnv(text).findLast((one) => one.variable === variable) ?? null;
}

export function countVariable(text: string, variable: string): number {
  return parseEnv(text).filter((one) => one.variable === variable).length;
}

/**
 * Sets a variable: in the line that counts, in its quoting style where the value allows; else in a new line, after
 * `beside` where that exists, or at the end. `value` has no line break.
 */
export function setVariable(text: string, variable: string, value: string, beside?: string): string {
  const present = findVariable(text, variable);
  if (present !== null) return text.slice(0, present.from) + quoted(value, present.quote) + text.slice(present.to);
  const near = beside === undefined ? null : findVariable(text, beside);
  const exported = (near ?? parseEnv(text).at(-1))?.exported === true;
  return insertLine(text, near?.end ?? text.length, `${exported ? 'export ' : ''}${variable}=${quoted(value, '')}`);
}

/** Removes every line that assigns the variable. */
export function removeVariable(text: string, variable: string): string {
  const gone = parseEnv(text).filter((one) => one.variable === variable);
  return gone.reduceRight((rest, { start, end }) => {
    const before = rest.slice(0, start);
    const last = end === rest.length && !rest.endsWith('\n');
    return (last ? before.replace(/\r?\n$/, '') : before) + rest.slice(end);
  }, text);
}

function insertLine(text: string, at: number, line: string): string {
  const eol = /\r?\n/.exec(text)?.[0] ?? '\n';
  const before = text.slice(0, at);
  const bare = before.replace(BOM, '') === '';
  if (bare || before.endsWith('\n')) return before + line + eol + text.slice(at);
  // The file ends without a line break, and still does afterwards.
  return before + eol + line;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

interface Value {
  readonly to: number;
  readonly value: string | null;
  readonly quote: Assignment['quote'];
}

function readValue(text: string, from: number): Value {
  const first = text.charAt(from);
  const quote = first === '"' || first === "'" ? first : '';
  const word = readWord(text, from);
  if (word !== null && /^[ \t]*(?:[ \t]#.*)?(?:\r?\n|\r?$)/.test(text.slice(word.to, lineEnd(text, word.to)))) return { ...word, quote };
  return readRaw(text, from);
}

/** A word as `sh` reads it; null when a quote is never closed, or closed on another line than allowed. */
function readWord(text: string, from: number): Omit<Value, 'quote'> | null {
  let at = from;
  let value = '';
  let computed = false;
  while (at < text.length && !/[ \t\r\n]/.test(text.charAt(at))) {
    const part = readPart(text, at);
    // A quote in the middle of a word that runs over the line's end is an apostrophe to everybody but sh.
    if (part === null || (at !== from && text.slice(at, part.to).includes('\n'))) return null;
    value += part.value;
    computed ||= part.computed;
    at = part.to;
  }
  return { to: at, value: computed ? null : value };
}

interface Part {
  readonly to: number;
  readonly value: string;
  readonly computed: boolean;
}

function readPart(text: string, at: number): Part | null {
  const char = text.charAt(at);
  if (char === "'") {
    const close = text.indexOf("'", at + 1);
    return close === -1 ? null : { to: close + 1, value: text.slice(at + 1, close), computed: false };
  }
  if (char === '"') return readDoubleQuoted(text, at);
  if (char === '\\') return { to: at + 2, value: text.slice(at + 1, at + 2), computed: false };
  return { to: at + 1, value: char, computed: computes(text, at) };
}

function readDoubleQuoted(text: string, at: number): Part | null {
  let value = '';
  let computed = false;
  for (let end = at + 1; end < text.length; end += 1) {
    const char = text.charAt(end);
    if (char === '"') return { to: end + 1, value, computed };
    const escaped = char === '\\' && '"$`\\'.includes(text.charAt(end + 1) || ' ');
    if (escaped) end += 1;
    else computed ||= computes(text, end);
    value += text.charAt(end);
  }
  return null;
}

function computes(text: string, at: number): boolean {
  return text[at] === '`' || (text[at] === '$' && /[A-Za-z0-9_{(*@#?!$-]/.test(text.charAt(at + 1)));
}

/** Everything up to the end of the line or a comment, as docker and dotenv read what is no word to sh. */
function readRaw(text: string, from: number): Value {
  const rest = text.slice(from, lineEnd(text, from)).replace(/\r?\n$/, '');
  const value = rest.replace(/[ \t]+#.*$/, '').trimEnd();
  const computed = Array.from({ length: value.length }, (_, at) => at).some((at) => computes(value, at));
  return { to: from + value.length, value: computed ? null : value, quote: '' };
}

/** The value as text that `sh` reads back as it is: in `style` if that can hold it, bare if that is safe, else quoted. */
function quoted(value: string, style: Assignment['quote']): string {
  if (style === '"' && LITERAL_IN_DOUBLE_QUOTES.test(value)) return `"${value}"`;
  if (style === "'" && !value.includes("'")) return `'${value}'`;
  if (BARE.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  if (LITERAL_IN_DOUBLE_QUOTES.test(value)) return `"${value}"`;
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
