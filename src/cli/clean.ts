/** Values come from issuers, stores and other people: nothing of them may steer a terminal. */

/** Control characters, and the invisible ones that reorder or hide text. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** One line of text that is safe to print: line breaks and tabs become spaces, other steering characters their escape. */
export function clean(text: string): string {
  return text.replace(/[\t\r\n]+/g, ' ').replace(STEERING, escaped);
}

/** The same for a text of several lines. */
export function cleanLines(text: string): string {
  return text.replace(STEERING, (char) => (char === '\n' ? char : escaped(char)));
}

/** A JSON document that is safe to print and still the same document: the escapes stand inside its strings. */
export function cleanJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(STEERING, (char) => (char === '\n' ? char : escaped(char)));
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
