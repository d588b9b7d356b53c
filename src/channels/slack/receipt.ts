/** What the ledger keeps of a message: its channel and Slack's own id of it, `C123:1700000000.000100`. */
export interface SlackPlace {
  readonly channel: string;
  readonly ts: string;
}

export function receiptOf({ channel, ts }: SlackPlace): string {
  return `${channel}:${ts}`;
}

/** Null for what is no receipt of ours. */
export function placeOf(receipt: string | null): SlackPlace | null {
  const [, channel, ts] = /^([^:\s]+):(\d+\.\d+)$/.exec(receipt ?? '') ?? [];
  return channel === undefined || ts === undefined ? null : { channel, ts };
}
