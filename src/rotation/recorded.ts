/** What is written beside a decision so that people can follow it later: evidence before a revocation, and what stands in the way. */
import type { Decision } from '../core/decide.ts';
import type { Facts, Notes } from '../core/facts.ts';
import type { Problem } from '../core/evidence.ts';

/** What was seen right before a key was condemned; empty when none is. */
export function evidenceOf(facts: Facts, decision: Decision): Pick<Notes, 'evidence'> {
  const seen = SEEN[decision.condemn ?? 'none'](facts, decision);
  return seen === null ? {} : { evidence: { ...facts.notes.evidence, ...seen } };
}

type Seen = (facts: Facts, decision: Decision) => Readonly<Record<string, string>> | null;

const SEEN: Readonly<Record<NonNullable<Decision['condemn']> | 'none', Seen>> = {
  none: () => null,
  found: () => null,
  asked: (facts, { message }) => ({ decided: `${facts.now.toISOString()}: ${message}` }),
  old: (facts, { message }) => ({ decided: `${facts.now.toISOString()}: ${message}`, ...placesSeen(facts), ...usageSeen(facts) }),
  new: (facts, { message }) => ({ 'new key rejected': `${facts.now.toISOString()}: ${message}`, ...placesSeen(facts) }),
};

function placesSeen({ places = [] }: Facts): Record<string, string> {
  if (places.length === 0) return {};
  return { stores: places.map(({ describe, serving }) => `${describe} served ${SERVED[serving]}`).join('; ') };
}

const SERVED: Readonly<Record<NonNullable<Facts['places']>[number]['serving'], string>> = {
  new: 'the new key', old: 'the old key', ours: 'an older key of this credential', empty: 'nothing', foreign: 'a value that the ledger does not know', unreadable: 'what could not be read',
};

function usageSeen({ drain }: Facts): Record<string, string> {
  return drain === undefined || drain.detail === '' ? {} : { usage: `${drain.quiet === 'quiet' || drain.quiet === 'not-asked' ? '' : `not quiet (${drain.quiet}): `}${drain.detail}` };
}

/** What keeps it blocked, with its remedies; none once it is not. */
export function problemsOf(facts: Facts, decision: Decision): readonly Problem[] {
  const blocked = decision.kind === 'go' ? decision.to === 'blocked' : facts.rotation.state === 'blocked';
  if (!blocked) return [];
  const refusal = facts.notes.attempt?.refusal;
  if (facts.rotation.state === 'creating' && refusal != null) return [{ code: 'refused', message: refusal.message, todo: '' }];
  return facts.preflight?.problems ?? [];
}
