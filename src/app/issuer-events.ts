/** Messages that an issuer's service posts about itself: each is a bell, whose ringing has the issuer asked (docs/decisions/0024-an-event-is-a-bell.md). */
import { z } from 'zod';
import { resolveSecret } from '../config/index.ts';
import { seconds } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { sameText } from '../core/secret.ts';
import type { Context } from './context.ts';
import type { IssuerEventAnswer, IssuerEventRequest } from './operations.ts';

/** Those after which the quota is asked for. */
const BELLS = ['usage.queries.threshold', 'usage.nodes.threshold'];
/** Several at once are one look. */
const GATHER_MS = seconds(2);
const LONGEST_KIND = 100;

/** Of a body nothing else is looked at: what it says of usage, the issuer says itself. */
const event = z.object({ event: z.string().regex(/^[\x21-\x7e]+$/).max(LONGEST_KIND) });

type Taking = Pick<Context, 'config' | 'queue' | 'engine'>;

/**
 * Takes one event; the same again does the same again. Throws UNAUTHENTICATED (also where there is no such issuer, so that nobody
 * learns their names), UNKNOWN_NAME on the socket, USAGE for a body that is no event.
 */
export async function takeIssuerEvent(context: Taking, request: IssuerEventRequest): Promise<IssuerEventAnswer> {
  await admit(context, request);
  const kind = kindOf(request.body);
  const known = BELLS.includes(kind);
  context.engine.log.info({ issuer: request.issuer, event: kind, known }, 'an issuer sent an event');
  if (known) await context.queue?.wake('inspect', {}, { delayMs: GATHER_MS, dedupeKey: 'event' });
  return { event: kind, known };
}

async function admit({ config }: Taking, { issuer, token, trusted }: IssuerEventRequest): Promise<void> {
  const { issuers } = config();
  const events = Object.hasOwn(issuers, issuer) ? issuers[issuer]?.events : undefined;
  if (trusted && events === undefined) throw new KeyturnError('UNKNOWN_NAME', `No issuer that takes events is called ${issuer.slice(0, 100)}.`, { todo: 'Set `events` of the issuer in the configuration.', effect: 'none' });
  if (events !== undefined && (trusted || (token !== null && sameText(token, (await resolveSecret(events.token)).reveal())))) return;
  throw new KeyturnError('UNAUTHENTICATED', 'The events of this issuer want their token, and none or a wrong one was given.', { todo: 'Send `Authorization: Bearer <token>`, the token in `events` of that issuer in the configuration.', effect: 'none' });
}

function kindOf(body: Buffer): string {
  const parsed = event.safeParse(parse(body));
  if (parsed.success) return parsed.data.event;
  throw new KeyturnError('USAGE', 'The body is no event.', { todo: 'Send JSON with the kind of the event in its field `event`.', effect: 'none' });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
