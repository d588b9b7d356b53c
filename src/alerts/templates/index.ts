export { renderHtml } from './html.ts';
export { renderSlack } from './slack.ts';
export type { SlackBlock, SlackMessage } from './slack.ts';
export { renderText } from './text.ts';
export { cleaned } from './parts.ts';
