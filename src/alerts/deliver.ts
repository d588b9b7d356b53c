/**
 * The outbox, emptied: one attempt a turn for each delivery that is due; nothing is lost, what is refused stays visible.
 * Channels go side by side, each at the pace that its sink bears, so that a slow or busy one delays no other.
 */
import { describeError, isLeaseLost, KeyturnError } from '../core/errors.ts';
import type { Limit } from '../core/pace.ts';
import type { Notice } from '../core/vocabulary.ts';
import type { Channel } from '../ports/channel.ts';
import type { Delivery, Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import { placeIn } from './places.ts';

export interface Delivering {
  readonly ledger: Ledger;
  /** Null when no channel of that name is configured any more. */
  readonly channel: (name: string) => Promise<Channel | null>;
  /** Puts in what a message may hold and the outbox may not. */
  readonly addressed?: (notice: Notice) => Notice;
  readonly log: Log;
  readonly worker: string;
  /** Channels that this worker is delivering to right now: a second turn leaves them alone. */
  readonly underWay?: Set<string>;
}

const BATCH = 50;
const SEND_MS = 20_000;
const LEASE_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** A channel's turn ends after so long, so that one with a backlog keeps no slot of the delivery lane. */
const TURN_MS = 10_000;
/** So many failures one after the other are the channel's, not the messages': the others wait, untried. */
const FAILURES_A_TURN = 3;
/** A sink that asks for more is asked again all the same. */
const LONGEST_REST_MS = 3_600_000;

/** Delivers what is due, the longest due first within each channel. Answers how many went out. */
export async function deliver(delivering: Delivering, signal: AbortSignal): Promise<number> {
  const names = await delivering.ledger.dueChannels();
  const sent = await Promise.all(names.map((name) => alone(delivering.underWay, name, () => emptied(delivering, name, signal))));
  return sent.reduce((sum, n) => sum + n, 0);
}

/** One turn a channel at a time in this process. What other workers do meanwhile, leases and the shared pace keep apart. */
async function alone(underWay: Set<string> | undefined, name: string, turn: () => Promise<number>): Promise<number> {
  if (underWay?.has(name) === true) return 0;
  underWay?.add(name);
  try {
    return await turn();
  } finally {
    underWay?.delete(name);
  }
}

async function emptied(delivering: Delivering, name: string, signal: AbortSignal): Promise<number> {
  const { ledger, worker, log } = delivering;
  const ends = performance.now() + TURN_MS;
  const target = await opened(delivering, name);
  let [sent, failures, mayGo] = [0, 0, false];
  for (const id of await ledger.deliverable(BATCH, name)) {
    if (signal.aborted || performance.now() > ends || failures === FAILURES_A_TURN) break;
    // A place in the pace that the last id had no use for (another worker had it) serves the next.
    mayGo ||= (await placeIn(ledger, limitsOf(target), signal)) === 0;
    if (!mayGo || signal.aborted) break;
    const delivery = await ledger.leaseDelivery(id, worker, LEASE_MS);
    if (delivery === null) continue;
    const outcome = await deliverOne(delivering, delivery, target, signal);
    if (outcome !== 'waits') await countFromNow(ledger, limitsOf(target));
    mayGo = outcome === 'waits';
    if (outcome === 'sent') sent += 1;
    failures = outcome === 'failed' ? failures + 1 : 0;
    if (outcome === 'busy') break;
  }
  if (failures === FAILURES_A_TURN) log.warn({ channel: name, failures }, 'channel fails; the rest waits for the next turn');
  return sent;
}

/** Where nothing may come in bursts, the pace counts from when the sink had the message: that may be long after its place was taken. */
async function countFromNow(ledger: Ledger, [own]: readonly Limit[]): Promise<void> {
  if (own?.burst === 1) await ledger.restPace(own, own.everyMs);
}

type Opened = { readonly channel: Channel } | { readonly trouble: unknown };

async function opened(delivering: Delivering, name: string): Promise<Opened> {
  try {
    const channel = await delivering.channel(name);
    if (channel !== null) return { channel };
    return { trouble: new KeyturnError('CHANNEL_REFUSED', `Channel ${name} is not configured any more.`, { todo: 'Put it back, then `keyturn deliveries retry`.' }) };
  } catch (trouble) {
    return { trouble };
  }
}

function limitsOf(target: Opened): readonly Limit[] {
  return 'trouble' in target ? [] : (target.channel.limits ?? []);
}

/** `waits`: nothing was tried. `busy`: the sink asks for a rest. `refused`: for good. */
type Outcome = 'sent' | 'waits' | 'busy' | 'failed' | 'refused';

async function deliverOne(delivering: Delivering, delivery: Delivery, target: Opened, signal: AbortSignal): Promise<Outcome> {
  const { ledger, log, addressed } = delivering;
  try {
    const receipt = await sent(target, addressed === undefined ? delivery : { ...delivery, notice: addressed(delivery.notice) }, signal);
    await ledger.delivered(delivery, receipt);
    log.info({ ...about(delivery), kind: delivery.notice.kind }, 'notice delivered');
    return 'sent';
  } catch (error) {
    if (isLeaseLost(error)) return 'waits';
    return await failed(delivering, delivery, target, error);
  }
}

async function sent(target: Opened, delivery: Delivery, signal: AbortSignal): Promise<string> {
  if ('trouble' in target) throw target.trouble;
  const { id: deliveryId, notice, createdAt, attempts: attempt, incident } = delivery;
  const message = { deliveryId, notice, createdAt, attempt, incident };
  return await target.channel.send(message, AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]));
}

async function failed({ ledger, log }: Delivering, delivery: Delivery, target: Opened, error: unknown): Promise<Outcome> {
  const delayMs = retryIn(delivery, error);
  const asked = restAsked(error);
  await ledger.undelivered(delivery, describeError(error), delayMs);
  const [own] = limitsOf(target);
  if (asked !== null && own !== undefined) await ledger.restPace(own, asked);
  log.warn({ ...about(delivery), error: describeError(error), retryInMs: delayMs }, delayMs === null ? 'notice refused; it is stuck until a person acts' : 'notice not delivered yet');
  if (delayMs === null) return 'refused';
  return asked === null ? 'failed' : 'busy';
}

/** How long the sink asks everybody to stay away, milliseconds; null when it asks nothing. */
function restAsked(error: unknown): number | null {
  return error instanceof KeyturnError && error.code === 'CHANNEL_UNAVAILABLE' && error.retryAfterMs !== undefined ? Math.min(LONGEST_REST_MS, error.retryAfterMs) : null;
}

function about({ id, channel, notice }: Delivery) {
  return { delivery: id, channel, credential: notice.credential, rotation: notice.rotationId };
}

/** Null when trying again cannot help. A sink that is merely busy says itself when: that is no failure to back off from. */
function retryIn(delivery: Delivery, error: unknown): number | null {
  if (error instanceof KeyturnError && error.code === 'CHANNEL_REFUSED') return null;
  const backOff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(12, delivery.attempts));
  const asked = restAsked(error);
  return asked === null ? backOff : Math.max(asked, FIRST_RETRY_MS);
}
