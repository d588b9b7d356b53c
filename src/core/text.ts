/** Control characters, and the invisible ones that reorder or hide text. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;
/** Halves of a pair that stand alone: no database takes them. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text from outside as one line that steers no terminal and that every database takes. */
export function cleanText(text: string): string {
  return text.replace(STEERING, ' ').replace(LONE, '\ufffd').trim();
}
