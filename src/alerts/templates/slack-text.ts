/** Text for Slack's markup: what it would take as a mark is disarmed, and lengths are counted after escaping, as Slack does. */
import { clip, segments } from './parts.ts';

/** Within inline code Slack knows no escape for its own mark, so a stray one becomes an apostrophe. */
export function noMarks(text: string): string {
  return text.replaceAll('`', 'ʼ');
}

/** Keeps pairs of backticks, which Slack renders as code, and disarms everything else that its markup would take as a mark. */
export function codeMarks(text: string): string {
  return segments(text)
    .map(({ code, text: part }) => (code ? `\`${part}\`` : noMarks(part).replaceAll(/(?<![\p{L}\p{N}])([*_~])(?=\S)/gu, '\u200B$1\u200B')))
    .join('');
}

/** Clips so that the escaped text still fits, then escapes. Never cuts through an entity. */
export function fit(text: string, max: number, marks: (text: string) => string = (plain) => plain): string {
  let room = max;
  for (;;) {
    const escaped = escapeSlack(marks(clip(text, room)));
    if (escaped.length <= max) return escaped;
    room = Math.min(room - 1, Math.floor((room * max) / escaped.length));
  }
}

/** The three characters that Slack's markup gives a meaning: https://docs.slack.dev/messaging/formatting-message-text */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
