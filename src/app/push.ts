/** Usage that others push to a source of type `push`. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { pushSources, resolveSecret, type PushSource } from '../config/index.ts';
import { KeyturnError } from '../core/errors.ts';
import { sameText } from '../core/secret.ts';
import { recordEvents } from '../usage/ingest.ts';
import { parsePushed } from '../usage/records.ts';
import type { Context } from './context.ts';
import type { PushAnswer, PushRequest } from './operations.ts';

/** One transaction writes them all. */
const MOST_RECORDS = 50_000;
const unzip = promisify(gunzip);

/**
 * Records one batch. The same again, by its id or else by its content, counts once. Throws UNAUTHENTICATED (also where there
 * is no such source, so that nobody learns their names), UNKNOWN_NAME on the socket, USAGE for a body that is too large or no gzip.
 */
export async function pushUsage(context: Context, fingerprint: (value: string) => string, request: PushRequest): Promise<PushAnswer> {
  const options = await admittedTo(context, request);
  const body = await unpacked(request, options.maxBody);
  const now = await context.ledger.now();
  const lines = linesOf(body.toString('utf8'));
  const { events, malformed, example } = parsePushed(lines, { clue: options.key.by, fingerprint, now, maxAgeMs: options.maxAge });
  const { retention } = context.config().usage;
  const outcome = await recordEvents({ usage: context.usage, retention: { minutesMs: retention.minutes } }, {
    source: request.source, clue: options.key.by, now, events, malformed, example, seenUntil: null, cursor: null,
    // That there is nothing to tell is told again and again.
    batchId: request.batchId ?? (events.length + malformed === 0 ? null : createHash('sha256').update(body).digest('hex')),
  });
  const repeated = outcome === 'repeated';
  return { records: repeated ? 0 : events.length, malformed, example, repeated };
}

async function admittedTo(context: Context, { source, token, trusted }: PushRequest): Promise<PushSource> {
  const options = pushSources(context.config()).find(({ name }) => name === source);
  if (options === undefined && trusted) throw new KeyturnError('UNKNOWN_NAME', `No usage source of type push is called ${source.slice(0, 200)}.`, { todo: 'See `usage.sources` in the configuration.', effect: 'none' });
  if (options !== undefined && (trusted || (token !== null && sameText(token, (await resolveSecret(options.token)).reveal())))) return options;
  throw new KeyturnError('UNAUTHENTICATED', 'This usage source wants its token, and none or a wrong one was given.', { todo: 'Send `Authorization: Bearer <token>`, the token of that source in the configuration.', effect: 'none' });
}

async function unpacked({ body, gzip }: PushRequest, maxBody: number): Promise<Buffer> {
  const plain = gzip ? await unzip(body, { maxOutputLength: maxBody }).catch((thrown: unknown) => { throw tooLargeOrBroken(thrown, maxBody); }) : body;
  if (plain.length > maxBody) throw tooLarge(maxBody);
  return plain;
}

function tooLargeOrBroken(thrown: unknown, maxBody: number): KeyturnError {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBody);
  return new KeyturnError('USAGE', 'The body says that it is gzip, and is not.', { effect: 'none' });
}

function tooLarge(maxBody: number): KeyturnError {
  return new KeyturnError('USAGE', `The body is larger than the ${maxBody} bytes that this usage source takes.`, { todo: 'Send smaller batches, or raise `maxBody`.', effect: 'none' });
}

/** Throws USAGE for too many. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n');
  if (lines.length > MOST_RECORDS + 1) throw new KeyturnError('USAGE', `The body holds more than ${MOST_RECORDS} records.`, { todo: 'Send smaller batches.', effect: 'none' });
  return lines;
}
