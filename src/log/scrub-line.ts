/** Finds registered secrets in a JSON log line, plain or wrapped in the encodings that libraries put around what they log. */
import { scrub } from '../core/secret.ts';

const MASK = '[secret]';
/** The line's own escapes, and JSON in JSON in JSON within it. */
const MAX_LAYERS = 6;

/** Runs of characters that may be base64 (plain or URL-safe) or hex of something. */
const TOKENS = /[A-Za-z0-9+/_-]{12,}={0,2}/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/**
 * `scrub`, and then the forms that it does not know: text escaped more than once (JSON in JSON, percent signs in either
 * case), and base64 or hex of a longer text that holds a secret (`Authorization: Basic …`). Where such a wrapping can
 * not be cut out, the whole string is masked. Cheap for lines without a secret: one more search over the unwrapped text.
 */
export function scrubLine(line: string): string {
  const clean = scrub(line);
  if (!hides(clean)) return clean;
  try {
    return `${scrub(JSON.stringify(cleanValue(JSON.parse(clean))))}\n`;
  } catch {
    return `${JSON.stringify({ level: 'error', msg: MASK })}\n`;
  }
}

/** True when some unwrapping of the text holds a secret that the text itself does not show. */
function hides(text: string): boolean {
  const layers = unwrapped(text);
  return differs([...layers.slice(1), ...layers.flatMap(decodings)].join('\n'));
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanString(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cleanValue);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [cleanString(name), cleanValue(inner)]));
}

function cleanString(text: string): string {
  const clean = scrub(text).replaceAll(TOKENS, (token) => (differs(decodings(token).join('\n')) ? MASK : token));
  return hides(clean) ? MASK : clean;
}

/** The text, and what it is after taking off one layer of escapes after the other. */
function unwrapped(text: string): readonly string[] {
  const layers = [text];
  for (let last = text; layers.length <= MAX_LAYERS; layers.push(last)) {
    const inner = unescapeOnce(last);
    if (inner === last) break;
    last = inner;
  }
  return layers;
}

function unescapeOnce(text: string): string {
  return text
    .replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
    .replaceAll(/\\u([0-9A-Fa-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/\\(["\\/nrt])/g, (_, mark: string) => ESCAPES[mark] ?? mark);
}

/** What the tokens in a text decode to. Other characters of the alphabet may stand right before one, so every alignment counts. */
function decodings(text: string): readonly string[] {
  return [...text.matchAll(TOKENS)].flatMap(([token]) => {
    const base64 = [0, 1, 2, 3].map((from) => Buffer.from(token.slice(from), 'base64').toString('utf8'));
    const hex = [0, 1].flatMap((from) => {
      const digits = /^[0-9A-Fa-f]{12,}/.exec(token.slice(from))?.[0];
      return digits === undefined ? [] : [Buffer.from(digits, 'hex').toString('utf8')];
    });
    return [...base64, ...hex];
  });
}

function differs(text: string): boolean {
  return scrub(text) !== text;
}
