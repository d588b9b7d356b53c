/** An issuer's own trail of what its keys did, as a usage source: what the issuer tells, checked once more and bounded. */
import { describeError, KeyturnError } from '../../core/errors.ts';
import { addressOf, agentOf, clueOf } from '../../core/usage-fields.ts';
import { MAX_SCOPE, type UsageEvent } from '../../core/usage.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { ReadRequest, UsageBatch, UsageSource } from '../../ports/usage-source.ts';

export interface IssuerSourceOptions {
  readonly name: string;
  /** Shared with rotations, for its pace of calls. */
  readonly issuer: Issuer;
}

/** Throws CONFIG_INVALID for an issuer whose plug-in has no such trail. */
export function createIssuerSource({ name, issuer }: IssuerSourceOptions): UsageSource {
  if (issuer.usage === undefined) {
    throw new KeyturnError('CONFIG_INVALID', `Issuer ${issuer.name} (${issuer.type}) does not tell how its keys are used, so it is no usage source.`, { todo: `Remove the usage source ${name}, or take another one.`, effect: 'none' });
  }
  const ask = issuer.usage.bind(issuer);
  const guarded = (request: ReadRequest, signal: AbortSignal): Promise<UsageBatch> => ask(request, signal).catch((thrown: unknown) => Promise.reject(asSourceError(name, thrown)));
  return {
    name,
    type: 'issuer',
    describe: `issuer ${issuer.name}'s audit log`,
    clue: 'id',
    callTimeoutMs: issuer.capabilities.callTimeoutMs,
    async read(request, signal) {
      const batch = await guarded(request, signal);
      const events = batch.events.flatMap(checked);
      const unusable = batch.events.length - events.length;
      return { ...batch, events, malformed: batch.malformed + unusable, example: batch.example ?? (unusable === 0 ? null : 'an event whose key is unusable') };
    },
    async probe(signal) {
      const now = new Date();
      const { malformed, example } = await guarded({ cursor: null, now, since: new Date(now.getTime() - 600_000) }, signal);
      return malformed === 0 ? [] : [`${malformed} of the last events could not be understood: ${example}.`];
    },
  };
}

/** Somebody else's issuer may be less careful; nothing long or unshowable gets past here. */
function checked(event: UsageEvent): readonly UsageEvent[] {
  const told = clueOf(event.clueKind ?? 'id', event.clue, String);
  return 'clue' in told ? [{ ...event, clue: told.clue, address: addressOf(event.address), agent: agentOf(event.agent), ...scopeOf(event) }] : [];
}

function scopeOf({ need }: UsageEvent): Pick<UsageEvent, 'need'> {
  if (need === undefined || need === null) return {};
  return { need: need.length <= MAX_SCOPE && /^[\x21-\x7e]+$/.test(need) ? need : null };
}

const FOR_A_PERSON = new Set(['ISSUER_DENIED', 'ISSUER_REJECTED', 'ISSUER_LIMIT', 'REFERENCE_UNRESOLVED', 'CONFIG_INVALID']);

function asSourceError(source: string, thrown: unknown): unknown {
  if (!(thrown instanceof KeyturnError)) return thrown;
  // An answer that is not the API's: a wrong path, in the service's own words, stays wrong; a proxy's page may pass.
  const refused = FOR_A_PERSON.has(thrown.code) || (thrown.code === 'ISSUER_BAD_ANSWER' && thrown.effect === 'none');
  return new KeyturnError(refused ? 'SOURCE_REFUSED' : 'SOURCE_UNAVAILABLE', `Usage source ${source} can't be read. ${describeError(thrown)}`, {
    effect: 'none',
    ...(thrown.retryAfterMs === undefined ? {} : { retryAfterMs: thrown.retryAfterMs }),
  });
}
