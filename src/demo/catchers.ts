/** A mail server and a Slack endpoint that keep what they are sent: for the demo and for tests. Loopback only. */
export { startMailCatcher } from './mail-catcher.ts';
export type { CaughtMail, MailCatcher, MailFault } from './mail-catcher.ts';
export { startSlackCatcher } from './slack-catcher.ts';
export type { CaughtSlackMessage, SlackCatcher, SlackFault } from './slack-catcher.ts';
