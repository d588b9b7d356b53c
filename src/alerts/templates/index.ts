export { renderHtml } from './html.ts';
export { orPlainly } from './plainly.ts';
export type { PlainNotice } from './plainly.ts';
export { renderSlack } from './slack.ts';
export type { SlackBlock, SlackMessage } from './slack.ts';
export { escapeSlack } from './slack-text.ts';
export { renderText } from './text.ts';
export { bounded, cleaned, lookOf } from './parts.ts';
