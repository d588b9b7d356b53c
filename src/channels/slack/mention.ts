import { KeyturnError } from '../../core/errors.ts';

/** Slack's own form of whom to call; null for nobody. Throws CONFIG_INVALID for what is no mention. */
export function mentionOf(mention: string | undefined): string | null {
  if (mention === undefined || mention === '') return null;
  if (/^@?(here|channel|everyone)$/.test(mention)) return `<!${mention.replace('@', '')}>`;
  if (/^@?[UW][A-Z0-9]+$/.test(mention)) return `<@${mention.replace('@', '')}>`;
  if (/^@?S[A-Z0-9]+$/.test(mention)) return `<!subteam^${mention.replace('@', '')}>`;
  if (/^<[@!][^<>]+>$/.test(mention)) return mention;
  throw new KeyturnError('CONFIG_INVALID', `Slack can't mention ${mention}.`, { todo: 'Use @here, @channel, or the id of a user or group.', effect: 'none' });
}
