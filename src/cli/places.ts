/** Where a configuration says that its worker lives, without the parser where that can be seen at a glance: loading it takes half of `keyturn status`. */

export interface Places {
  readonly dataDir?: string;
  readonly socket?: string;
}

/** A broken file is not this command's business: it falls back to the default, and `validate` says what is wrong. */
export async function placesIn(text: string): Promise<Places> {
  return glance(text) ?? (await parsed(text));
}

const FIELDS: Readonly<Record<string, string>> = { dataDir: 'worker', socket: 'api' };
const MENTIONED = /\b(dataDir|socket)\b/;
const SECTION = /^(worker|api):(?: +#.*)?$/;
/** `  dataDir: ./data # where`: a plain word or path, or simply quoted text. */
const SIMPLE = /^( +)(dataDir|socket): +(?:((?!(?:true|false|null)\b)(?:\.{0,2}\/|[A-Za-z_])[\w./~${}:@+-]*)|"([^"\\]*)"|'([^']*)')(?: +#.*)?$/i;
/** What may change the meaning of lines around it: anchors, merges, flow style, long texts, several documents, tabs. */
const UNUSUAL = /\t|^\s*<<|^(---|\.\.\.|%)|:\s+[&*!|>{[]|^[\s-]*[&*!?{["'|>]/;
/** Text that goes on in the next line. */
const OPEN_QUOTE = /^[^"]*("[^"]*"[^"]*)*"[^"]*$|^[^']*('[^']*'[^']*)*'[^']*$/;

/**
 * The two fields, when every line that names one is plainly a field of its section; null where only the parser can
 * tell. For a file that is right it never differs from the parser.
 */
export function glance(text: string): Places | null {
  const lines = text.split(/\r?\n/).map((line) => line.trimEnd()).filter((line) => line !== '' && !/^ *#/.test(line));
  const sections = sectionsOf(lines);
  if (sections === null) return null;
  const found = sections.map(({ name, body }) => fieldIn(name, body));
  const told = found.filter((one) => one !== undefined);
  if (told.includes(null) || lines.filter((line) => MENTIONED.test(line)).length !== told.length) return null;
  return Object.fromEntries(told.filter((one) => one !== null));
}

interface Section {
  readonly name: string;
  readonly body: readonly string[];
}

/** `worker` and `api` with their lines; null where something unusual stands between sections. */
function sectionsOf(lines: readonly string[]): readonly Section[] | null {
  const heads = lines.flatMap((line, at) => (line.startsWith(' ') ? [] : [at]));
  if (heads[0] !== 0 || heads.some((at) => UNUSUAL.test(lines[at] ?? ''))) return null;
  const named = heads.flatMap((at, n): Section[] => {
    const line = lines[at] ?? '';
    return /^(worker|api)\b/.test(line) ? [{ name: SECTION.exec(line)?.[1] ?? '', body: lines.slice(at + 1, heads[n + 1]) }] : [];
  });
  const names = named.map(({ name }) => name);
  return names.includes('') || new Set(names).size < names.length ? null : named;
}

/** Its field of the two, undefined where it has none, null where that cannot be seen. */
function fieldIn(section: string, body: readonly string[]): readonly [string, string] | null | undefined {
  if (body.some((line) => UNUSUAL.test(line) || OPEN_QUOTE.test(line))) return null;
  const at = body.findIndex((line) => MENTIONED.test(line));
  const line = body[at];
  if (line === undefined) return undefined;
  const [, indent = '', field = '', ...values] = SIMPLE.exec(line) ?? [];
  const value = values.find((one) => one !== undefined);
  const depth = indentOf(body[0] ?? '');
  const goesOn = at + 1 < body.length && indentOf(body[at + 1] ?? '') > depth;
  return value === undefined || FIELDS[field] !== section || indent.length !== depth || goesOn ? null : [field, value];
}

const indentOf = (line: string): number => line.search(/[^ ]/);

async function parsed(text: string): Promise<Places> {
  const { parse } = await import('yaml');
  let tree: unknown;
  try {
    tree = parse(text);
  } catch {
    return {};
  }
  const [dataDir, socket] = [fieldOf(fieldOf(tree, 'worker'), 'dataDir'), fieldOf(fieldOf(tree, 'api'), 'socket')];
  return { ...(typeof dataDir === 'string' ? { dataDir } : {}), ...(typeof socket === 'string' ? { socket } : {}) };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
