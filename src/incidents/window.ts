/** From when to when a key could be used by whoever had it. Pure. */
import type { DyingKey, IncidentFacts } from './facts.ts';
import type { IncidentReport } from './schema.ts';

export interface Window {
  readonly from: Date;
  readonly until: Date;
}

/** Of one key: from the earliest evidence of the leak, if any, else from its creation, to its revocation, or to now while it lives. */
export function windowOf({ key, revokedAt }: DyingKey, { leak, asked, now }: Pick<IncidentFacts, 'leak' | 'asked' | 'now'>): Window {
  const created = key?.createdAt ?? asked.at;
  const until = revokedAt ?? now;
  const from = later(created, leak?.earliestAt ?? created);
  return { from: from > until ? until : from, until };
}

/** Of all keys together. */
export function exposure(facts: IncidentFacts): IncidentReport['window'] {
  const windows = facts.dying.map((key) => windowOf(key, facts));
  const from = windows.reduce((first, window) => (window.from < first ? window.from : first), windows[0]?.from ?? facts.asked.at);
  const until = windows.reduce((last, window) => (window.until > last ? window.until : last), windows[0]?.until ?? facts.asked.at);
  return { from: from.toISOString(), basis: basisOf(facts, from), until: until.toISOString(), open: facts.dying.some(({ revokedAt }) => revokedAt === null) };
}

function basisOf({ leak, dying }: IncidentFacts, from: Date): IncidentReport['window']['basis'] {
  if (leak?.earliestAt?.getTime() === from.getTime()) return 'evidence';
  return dying.some(({ key }) => key?.createdAt.getTime() === from.getTime()) ? 'creation' : 'asked';
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
