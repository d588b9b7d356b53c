/** The outbox, emptied: one attempt a turn for each delivery that is due; nothing is lost, what is refused stays visible. */
import { describeError, KeyturnError } from '../core/errors.ts';
import type { Notice } from '../core/vocabulary.ts';
import type { Channel, Outgoing } from '../ports/channel.ts';
import type { Delivery, Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';

export interface Delivering {
  readonly ledger: Ledger;
  /** Null when no channel of that name is configured any more. */
  readonly channel: (name: string) => Promise<Channel | null>;
  readonly log: Log;
  readonly worker: string;
}

const BATCH = 50;
const SEND_MS = 20_000;
const LEASE_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
const PLAIN_CHARACTERS = 500;

/** Delivers what is due, oldest first within each channel, channels side by side so that a slow one delays no other. Answers how many went out. */
export async function deliver(delivering: Delivering, signal: AbortSignal): Promise<number> {
  const leased: Delivery[] = [];
  for (const id of await delivering.ledger.deliverable(BATCH)) {
    const delivery = await delivering.ledger.leaseDelivery(id, delivering.worker, LEASE_MS);
    if (delivery !== null) leased.push(delivery);
  }
  const byChannel = Map.groupBy(leased, (delivery) => delivery.channel);
  const sent = await Promise.all([...byChannel.values()].map((deliveries) => deliverInOrder(delivering, deliveries, signal)));
  return sent.reduce((sum, n) => sum + n, 0);
}

async function deliverInOrder(delivering: Delivering, deliveries: readonly Delivery[], signal: AbortSignal): Promise<number> {
  let sent = 0;
  for (const delivery of deliveries) {
    if (await deliverOne(delivering, delivery, signal)) sent += 1;
  }
  return sent;
}

async function deliverOne({ ledger, channel, log }: Delivering, delivery: Delivery, signal: AbortSignal): Promise<boolean> {
  const fields = { delivery: delivery.id, channel: delivery.channel, credential: delivery.notice.credential, rotation: delivery.notice.rotationId };
  try {
    const target = await channel(delivery.channel);
    if (target === null) throw new KeyturnError('CHANNEL_REFUSED', `Channel ${delivery.channel} is not configured any more.`, { todo: 'Put it back, then `keyturn deliveries retry`.' });
    const message = { deliveryId: delivery.id, notice: delivery.notice, createdAt: delivery.createdAt, attempt: delivery.attempts, incident: delivery.incident };
    await ledger.delivered(delivery, await send(target, message, signal));
    log.info({ ...fields, kind: delivery.notice.kind }, 'notice delivered');
    return true;
  } catch (error) {
    const delayMs = retryIn(delivery, error);
    await ledger.undelivered(delivery, describeError(error), delayMs);
    log.warn({ ...fields, error: describeError(error), retryInMs: delayMs }, delayMs === null ? 'notice refused; it is stuck until a person acts' : 'notice not delivered yet');
    return false;
  }
}

/** A form that cannot be given to the message keeps nobody from hearing of it: then it goes out as plain text. */
async function send(target: Channel, message: Outgoing, signal: AbortSignal): Promise<string> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]);
  try {
    return await target.send(message, within);
  } catch (error) {
    // Channels throw nothing else for what the other side does: this is a defect in how it is rendered.
    if (error instanceof KeyturnError || within.aborted) throw error;
    return await target.send({ ...message, notice: plainly(message.notice) }, within);
  }
}

/** The least of a notice, of which nothing can be wrong. */
function plainly(notice: Notice): Notice {
  const { kind, severity, credential, issuer, rotationId, dedupeKey } = notice;
  const [title = '', happened = ''] = [notice.title, notice.happened].map((text) => text.slice(0, PLAIN_CHARACTERS));
  return { kind, severity, credential, issuer, rotationId, dedupeKey, title, happened, means: 'This message could not be written as it should be.', todo: ['See what it is about: `keyturn status` and `keyturn alerts`.'], facts: {} };
}

/** Null when trying again cannot help. */
function retryIn(delivery: Delivery, error: unknown): number | null {
  if (error instanceof KeyturnError && error.code === 'CHANNEL_REFUSED') return null;
  const asked = error instanceof KeyturnError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(asked, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(12, delivery.attempts)));
}
