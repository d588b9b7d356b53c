/** Whether credentials declare wider scopes than their requests ask for: of each page of them, what usage says. */
import { describeError } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import type { RuleSettings } from '../core/watching.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { CredentialNeed, SourceState } from '../ports/usage-ledger.ts';
import { sameScopes, scopesWiderThanUsed, type Enough, type ScopeEvidence } from '../usage/rules/scopes.ts';
import type { Context } from './context.ts';
import type { NamedIssuer } from './inspection.ts';

export interface Judging extends Pick<Context, 'usage' | 'config' | 'engine'> {
  /** All that are configured. */
  readonly issuers: () => readonly NamedIssuer[];
}

/** An issuer whose own trail is a usage source. */
interface Trail extends Omit<ScopeEvidence, 'needs'> {
  readonly enough: Enough;
  /** It is being read, up to now. */
  readonly well: boolean;
}

export type ScopeJudge = (page: readonly CredentialRecord[], rulesOf: (record: CredentialRecord) => RuleSettings) => Promise<ReadonlyMap<string, Finding | 'unknown'>>;

/** `isWell`: whether a source is read up to now. Absent from an answer: credentials of which it is known that it is not so. */
export async function scopeJudge(context: Judging, now: Date, isWell: (state: SourceState) => boolean): Promise<ScopeJudge> {
  const trails = await trailsOf(context, isWell);
  return async (page, rulesOf) => {
    const watched = page.filter((record) => trails.has(record.issuer) && rulesOf(record).scopes_wider_than_used !== null);
    const needs = Map.groupBy(watched.length === 0 ? [] : await context.usage.credentialNeeds(watched.map(({ name }) => name)), ({ credential }) => credential);
    return new Map(page.flatMap((record) => {
      const judged = judge(record, trails.get(record.issuer), needs.get(record.name) ?? [], now, rulesOf(record).scopes_wider_than_used);
      return judged === null ? [] : [[record.name, judged] as const];
    }));
  };
}

function judge(record: CredentialRecord, trail: Trail | undefined, needs: readonly CredentialNeed[], now: Date, settings: RuleSettings['scopes_wider_than_used']): Finding | 'unknown' | null {
  if (trail === undefined) return 'unknown';
  const { enough, well, ...evidence } = trail;
  const mine = needs.filter(({ source, scopes }) => source === trail.source && sameScopes(scopes, record.plan.scopes));
  return scopesWiderThanUsed(record, enough, well ? { ...evidence, needs: mine } : null, now, settings);
}

async function trailsOf({ usage, config, issuers, engine }: Judging, isWell: (state: SourceState) => boolean): Promise<ReadonlyMap<string, Trail>> {
  const { sources, retention } = config().usage;
  const states = new Map((await usage.sources()).map((state) => [state.source, state]));
  const trails = new Map<string, Trail>();
  for (const [source, of] of Object.entries(sources)) {
    const state = states.get(source);
    const issuer = of.type === 'issuer' ? issuers().find(({ name }) => name === of.issuer) : undefined;
    const enough = issuer === undefined ? undefined : enoughOf(issuer, engine.log);
    if (issuer === undefined || state === undefined || enough === undefined) continue;
    trails.set(issuer.name, { source, malformedAt: state.malformedAt, keptMs: retention.hours, enough, well: isWell(state) });
  }
  return trails;
}

/** One that can not be opened is told of by whoever needs it. */
function enoughOf({ name, open }: NamedIssuer, log: Log): Enough | undefined {
  try {
    const issuer = open();
    return issuer.enough?.bind(issuer);
  } catch (error) {
    log.debug({ issuer: name, error: describeError(error) }, 'an issuer can not be asked which scopes would do');
    return undefined;
  }
}
