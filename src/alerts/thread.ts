/** Messages of one incident, to one channel, arrive in their order: the first before those that answer it. */
import type { IncidentNews } from '../ports/channel.ts';
import type { Delivery } from '../ports/ledger.ts';

export interface IncidentPlace extends IncidentNews {
  /** An earlier message of the incident to this channel has not gone out and will be tried again: this one must not overtake it. */
  readonly earlierWaits: boolean;
}

export interface Incidents {
  /** As it is now, read right before the delivery: its root receipt may be new. Null for a message that stands alone. */
  of(delivery: Delivery): Promise<IncidentPlace | null>;
}

/** What the channel is told of the incident; `waits` when it is not this message's turn yet. */
export async function incidentDelivery(incidents: Incidents | undefined, delivery: Delivery): Promise<IncidentNews | 'waits' | null> {
  const place = (await incidents?.of(delivery)) ?? null;
  if (place === null) return null;
  const { earlierWaits, ...news } = place;
  return earlierWaits ? 'waits' : news;
}
