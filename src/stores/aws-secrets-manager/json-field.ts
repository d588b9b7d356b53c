/**
 * One field of a JSON object, read and replaced in the text itself: whatever else the text holds (order, spacing,
 * numbers that JavaScript would round, doubled keys) stays as it is, byte for byte.
 */

interface Member {
  readonly key: string;
  /** Where the value's text begins and ends. */
  readonly from: number;
  readonly to: number;
}

/** The value of a top-level field; undefined when there is none, or when `text` is no JSON object (see `isJsonObject`). */
export function getField(text: string, field: string): unknown {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || !Object.hasOwn(parsed, field)) return undefined;
  return (parsed as Record<string, unknown>)[field];
}

export function isJsonObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}

/** `text`, a JSON object, with one top-level string field set; appended when it was not there. */
export function setField(text: string, field: string, value: string): string {
  const all = members(text);
  // With doubled keys every JSON parser in use takes the last one.
  const member = all.findLast(({ key }) => key === field);
  if (member !== undefined) return text.slice(0, member.from) + JSON.stringify(value) + text.slice(member.to);
  const entry = `${JSON.stringify(field)}:${JSON.stringify(value)}`;
  const last = all.at(-1);
  if (last !== undefined) return `${text.slice(0, last.to)},${entry}${text.slice(last.to)}`;
  const open = text.indexOf('{') + 1;
  return text.slice(0, open) + entry + text.slice(open);
}

/** The top-level members of a text that is known to be a JSON object. */
function members(text: string): Member[] {
  const found: Member[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text[at] !== '}') {
    const keyEnd = endOfString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const from = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const to = endOfValue(text, from);
    found.push({ key, from, to });
    at = skipSpace(text, to);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return found;
}

function skipSpace(text: string, at: number): number {
  let end = at;
  while (end < text.length && ' \t\n\r'.includes(text.charAt(end))) end += 1;
  return end;
}

function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

function endOfValue(text: string, at: number): number {
  let depth = 0;
  let end = at;
  while (end < text.length) {
    const char = text.charAt(end);
    if (char === '"') {
      end = endOfString(text, end);
      continue;
    }
    if (depth === 0 && ',} \t\n\r'.includes(char)) break;
    if (char === '{' || char === '[') depth += 1;
    if (char === '}' || char === ']') depth -= 1;
    end += 1;
  }
  return end;
}
