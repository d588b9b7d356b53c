/** Scopes that nobody uses. Pure. */
import { duration, listed } from '../../core/phrases.ts';
import type { Finding } from '../../core/finding.ts';
import type { RuleSettings } from '../../core/watching.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { UsageNeed } from '../../ports/usage-ledger.ts';
import { findingOf, ofCredential } from './finding.ts';
import { moment, number } from './words.ts';

/** What the issuer's own trail, which shows every request, tells of a credential. It is being read, up to now. */
export interface ScopeEvidence {
  readonly source: string;
  /** When something in the trail could not be used last: it may have been a request of this credential. */
  readonly malformedAt: Date | null;
  /** How long needs are kept after they were seen last, milliseconds. */
  readonly keptMs: number;
  /** Of its keys that had just the scopes that are declared today: what others could or could not do says nothing of these. */
  readonly needs: readonly UsageNeed[];
}

export type Enough = NonNullable<Issuer['enough']>;

const textOf = (scopes: readonly string[]): string => [...new Set(scopes)].sort().join(',');

export function sameScopes(a: readonly string[], b: readonly string[]): boolean {
  return textOf(a) === textOf(b);
}

/** With its scopes: once others are declared it is another matter, and this one is over. */
export function scopesSubject(record: CredentialRecord): string {
  return ofCredential(record, null, textOf(record.plan.scopes)).subject;
}

/**
 * `unknown`: it may be so or not. Null: it is not so, since it was asked for what it declares, or there is nothing less. `evidence`:
 * null where nobody watches, or whoever does is behind.
 */
export function scopesWiderThanUsed(record: CredentialRecord, enough: Enough, evidence: ScopeEvidence | null, now: Date, settings: RuleSettings['scopes_wider_than_used']): Finding | 'unknown' | null {
  if (settings === null) return null;
  const { scopes } = record.plan;
  const known = (evidence?.needs ?? []).filter(({ need }) => need !== '');
  const would = enough(scopes, known.map(({ need, requests, refused }) => ({ need, refused: refused >= requests })));
  if (would === null) return 'unknown';
  if (sameScopes(would, scopes)) return null;
  if (evidence === null || !isComplete(evidence, now, settings.after)) return 'unknown';
  return found(record, would, evidence, now, settings);
}

/** Watched for so long, used within that time, and nothing in it that is not known. A need that was known before counts as long as it is kept. */
function isComplete({ needs, malformedAt, keptMs }: ScopeEvidence, now: Date, afterMs: number): boolean {
  const from = now.getTime() - afterMs;
  const lately = needs.filter(({ lastSeen }) => lastSeen.getTime() > from);
  return afterMs <= keptMs && needs.some(({ firstSeen }) => firstSeen.getTime() <= from) && lately.length > 0
    && lately.every(({ need }) => need !== '') && (malformedAt === null || malformedAt.getTime() <= from);
}

const scopesOf = (scopes: readonly string[]): string => listed(scopes.map((scope) => `\`${scope}\``));

function found(record: CredentialRecord, would: readonly string[], { source, needs }: ScopeEvidence, now: Date, settings: NonNullable<RuleSettings['scopes_wider_than_used']>): Finding {
  const { name, plan: { scopes } } = record;
  const since = Math.min(...needs.map(({ firstSeen }) => firstSeen.getTime()));
  return findingOf('scopes_wider_than_used', settings, { ...ofCredential(record, source), subject: scopesSubject(record) }, {
    value: now.getTime() - since, fireAt: settings.after, clearAt: 0,
    title: `${name}: may do more than it is used for`,
    happened: `\`${name}\` declares ${scopesOf(scopes)}. All its requests of the last ${duration(settings.after)} were seen, and ${scopesOf(would)} would have allowed all that they did.`,
    expected: would.join(', '),
    actual: scopes.join(', '),
    todo: [
      `Declare \`scopes: [${would.join(', ')}]\` for \`${name}\` in the configuration.`,
      `Then replace its key, since scopes can not be taken from one: \`keyturn rotate ${name}\`.`,
      'If it needs more at times, as a yearly job may, switch the rule off for this credential: `rules: { scopes_wider_than_used: off }`.',
    ],
    facts: { 'Asked for': askedFor(needs), 'Watched since': moment(since), 'Seen by': source },
    evidence: { scopes, would, since },
  });
}

function askedFor(needs: readonly UsageNeed[]): string {
  return needs.filter(({ need }) => need !== '').map(({ need, requests, refused, lastSeen }) => `${need} (${number(requests)} request${requests === 1 ? '' : 's'}${refused === 0 ? '' : `, ${number(refused)} refused`}, last ${moment(lastSeen.getTime())})`).join('; ');
}
