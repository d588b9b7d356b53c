/** A JSON log line as a line for people. */
import colours from 'picocolors';

const LEVELS: Readonly<Record<string, (text: string) => string>> = {
  trace: colours.gray,
  debug: colours.gray,
  info: colours.green,
  warn: colours.yellow,
  error: colours.red,
  fatal: (text) => colours.bold(colours.red(text)),
};

interface ErrorFields {
  readonly code?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

/** `12:34:56 info  message  credential=… rotation=…`, then one line for each error in the chain. A line that is no JSON stays as it is. */
export function prettyLine(line: string): string {
  const fields = parsed(line);
  if (fields === null) return line;
  const { level, time, msg, err, ...rest } = fields;
  const word = shown(level);
  const paint = LEVELS[word] ?? String;
  const details = Object.entries(rest).map(([name, value]) => colours.dim(`${name}=${shown(value)}`));
  const head = [colours.dim(shown(time).slice(11, 19)), paint(word.padEnd(5)), shown(msg), ...details].join(' ');
  return `${[head, ...errorLines(err)].join('\n')}\n`;
}

function errorLines(error: unknown, depth = 0): string[] {
  if (error === undefined || error === null || depth > 6) return [];
  if (typeof error !== 'object') return [`         ${shown(error)}`];
  const { code, message = '', stack, cause }: ErrorFields = error;
  const own = `         ${depth === 0 ? '' : 'because: '}${code === undefined ? '' : `${code}: `}${message}`;
  const trace = stack === undefined ? [] : stack.split('\n').slice(1).map((at) => colours.dim(`         ${at.trim()}`));
  return [own, ...trace, ...errorLines(cause, depth + 1)];
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
