/** `doctor` on usage: whether each source can be read, how far it was, what of it nobody could use, and whether it is looked at. */
import { duration, plural } from '../core/phrases.ts';
import { pushSources, resolveSecret, type PushSource } from '../config/index.ts';
import { days } from '../core/duration.ts';
import { describeError } from '../core/errors.ts';
import type { SourceState } from '../ports/usage-ledger.ts';
import type { Context } from './context.ts';
import { LOOK_MS, ok, problem, warning } from './finding.ts';
import { scannerTrouble } from './inspection.ts';
import type { Finding } from './operations.ts';

type Looking = Pick<Context, 'ledger' | 'usage' | 'sources' | 'config'>;

/** Known keys are looked for so far back. */
const KNOWN_MS = days(1);

export async function examineSources(context: Looking): Promise<readonly Finding[]> {
  const { ledger, usage, sources, config } = context;
  const pushed = pushSources(config());
  const names = [...sources.names(), ...pushed.map(({ name }) => name)];
  if (names.length === 0) return [];
  const now = await ledger.now();
  const [states, active] = await Promise.all([Promise.all(names.map((name) => usage.source(name))), usage.activeKeys(new Date(now.getTime() - KNOWN_MS), now)]);
  const known = new Set(active.map(({ source }) => source));
  const found = await Promise.all(states.map(async (state) => {
    const definition = pushed.find(({ name }) => name === state.source);
    const looked = definition === undefined ? await lookAt(context, state, now) : await lookAtPush(definition, state, now);
    return [...looked, ...(state.unknown > 0 && !known.has(state.source) ? [warning('usage source', state.source, NOBODY_KNOWN)] : [])];
  }));
  const scan = await scannerTrouble(context);
  return [...found.flat(), ...(scan === null ? [] : [problem('scan', 'usage', [scan.happened, ...scan.todo].join(' '))])];
}

const NOBODY_KNOWN = 'It told of keys that Keyturn does not know, and of none that it knows in the last day. Compare `key.by` with what the source really holds.';

async function lookAt({ sources }: Looking, state: SourceState, now: Date): Promise<readonly Finding[]> {
  const { source: name, failingSince, lastError } = state;
  try {
    const source = sources.of(name);
    const remarks = await source.probe(AbortSignal.timeout(LOOK_MS));
    return [
      ok('usage source', name, `${source.describe} can be read; ${toldOf(state, now)}`),
      ...(failingSince === null ? [] : [warning('usage source', name, `It answers now, but reading it has failed for ${since(failingSince, now)}: ${lastError ?? 'no reason is known'}`)]),
      ...remarks.map((remark) => warning('usage source', name, remark)),
    ];
  } catch (error) {
    return [problem('usage source', name, `${describeError(error)} Newer usage is missing; ${toldOf(state, now)}`)];
  }
}

async function lookAtPush({ name, token }: PushSource, state: SourceState, now: Date): Promise<readonly Finding[]> {
  try {
    await resolveSecret(token);
    return [ok('usage source', name, `takes what is pushed to /v1/usage/${name}; ${toldOf(state, now)}`)];
  } catch (error) {
    return [problem('usage source', name, `Nobody can push to it, since its token can't be read. ${describeError(error)}`)];
  }
}

/** What the ledger knows of it: counts are of all time, and one mistake long ago is no reason to warn. */
function toldOf({ readAt, seenUntil, unknown, unknownExample, malformed, malformedExample }: SourceState, now: Date): string {
  return [
    readAt === null ? 'nothing was read yet' : seenUntil === null ? `last read ${since(readAt, now)} ago` : `read up to ${since(seenUntil, now)} ago`,
    ...(unknown === 0 ? [] : [`${plural(unknown, 'request')} so far with keys that Keyturn does not know${example(unknownExample)}`]),
    ...(malformed === 0 ? [] : [`${plural(malformed, 'record')} so far that could not be used${example(malformedExample)}`]),
  ].join('; ');
}

const example = (text: string | null): string => (text === null ? '' : `, such as ${text}`);

function since(at: Date, now: Date): string {
  return duration(now.getTime() - at.getTime());
}
