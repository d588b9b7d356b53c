const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$', '`': '`', '\n': '' };

interface Piece {
  readonly value: string;
  /** Where the text goes on after it. */
  readonly end: number;
}

/**
 * Reads `NAME=value` lines as shells and dotenv do: `export ` before the name, `'literal'`, `"with \n and \" escapes"`,
 * bare words up to ` #`, comments, CRLF, a byte order mark. The last assignment of a name wins. A line that makes no
 * sense (text after a closing quote, a quote never closed) is left out: better no key than a wrong one.
 */
export function parseEnv(text: string): ReadonlyMap<string, string> {
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const values = new Map<string, string>();
  let at = 0;
  while (at < source.length) {
    const lineEnd = endOfLine(source, at);
    const match = ASSIGNMENT.exec(source.slice(at, lineEnd));
    const name = match?.[1];
    if (match === null || name === undefined) {
      at = lineEnd + 1;
      continue;
    }
    const from = at + match[0].length;
    const read = isQuote(source[from]) ? quoted(source, from) : bare(source.slice(from, lineEnd), lineEnd);
    if (read === null) values.delete(name);
    else values.set(name, read.value);
    at = (read?.end ?? lineEnd) + 1;
  }
  return values;
}

function isQuote(char: string | undefined): boolean {
  return char === '"' || char === "'";
}

function bare(text: string, end: number): Piece {
  return { value: text.replace(/(^|[ \t])#.*$/, '').trim(), end };
}

/** A word that begins with a quote, as `sh` reads it: `'it'\''s'` is three parts side by side. */
function quoted(text: string, from: number): Piece | null {
  let value = '';
  let at = from;
  while (at < text.length && !/[ \t\n]/.test(text.charAt(at))) {
    const part = isQuote(text[at]) ? between(text, at) : plain(text, at);
    if (part === null) return null;
    value += part.value;
    at = part.end;
  }
  const end = endOfLine(text, at);
  return /^[ \t]*(#.*)?$/.test(text.slice(at, end)) ? { value, end } : null;
}

function plain(text: string, at: number): Piece {
  const escaped = text[at] === '\\' ? 1 : 0;
  return { value: text.charAt(at + escaped), end: at + escaped + 1 };
}

function between(text: string, from: number): Piece | null {
  const quote = text.charAt(from);
  let value = '';
  let at = from + 1;
  while (at < text.length && text[at] !== quote) {
    const escaped = quote === '"' && text[at] === '\\' ? ESCAPES[text.charAt(at + 1)] : undefined;
    value += escaped ?? text.charAt(at);
    at += escaped === undefined ? 1 : 2;
  }
  return at < text.length ? { value, end: at + 1 } : null;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
