/** What the ledger cannot answer, for those who investigate. Derived: each holds until its data say otherwise. Pure. */
import { duration } from '../core/phrases.ts';
import { CALLERS_BY_REQUESTS, CALLERS_BY_TIME } from '../ports/usage-ledger.ts';
import { isStranger } from './callers.ts';
import type { IncidentFacts } from './facts.ts';
import type { IncidentReport } from './schema.ts';
import { callerText, keyText, moment, named, number, outside, requests } from './words.ts';

type Question = IncidentReport['questions'][number];
export type Unquestioned = Omit<IncidentReport, 'questions' | 'summary'>;
type Ask = (report: Unquestioned, facts: IncidentFacts) => readonly Question[];

/** In the order in which they matter. */
export function questionsOf(report: Unquestioned, facts: IncidentFacts): Question[] {
  return [stillAlive, notRecovered, strangers, unseenWithReplacement, origin, whatWasDone, nothingSeen, behind, failing, unknownKeys, unknownValues, noLongerKept, manyCallers].flatMap((ask) => ask(report, facts));
}

const stillAlive: Ask = ({ keys }) => keys.filter(({ revokedAt }) => revokedAt === null).map((key): Question => ({
  about: 'revocation',
  text: `When will ${keyText(key)} be dead? ${key.attempts === 0 ? 'Its revocation has not been tried yet.' : `It was tried ${key.attempts === 1 ? 'once' : `${key.attempts} times`}${key.lastError === null ? '.' : `, and failed with ${outside(key.lastError)}.`}`} Keyturn goes on trying; it can also be revoked at the issuer by hand.`,
}));

const notRecovered: Ask = ({ recovery, status }) => {
  if (recovery === null || (status !== 'held' && status !== 'recovering')) return [];
  const missing = [...recovery.stores.filter(({ at }) => at === null).map(({ place }) => outside(place)), ...recovery.applications.filter(({ at }) => at === null).map(({ check }) => outside(check))];
  const what = missing.length === 0 ? 'Every store and application check was seen healthy once, but not all at one time.' : `Not seen healthy with the replacement yet: ${named(missing)}.`;
  return [{ about: 'recovery', text: `What keeps applications from working? ${what} The rotation is \`${recovery.state}\`: ${outside(recovery.message)}.` }];
};

const strangers: Ask = ({ usage }) => {
  const found = usage.callers.filter(isStranger);
  return found.length === 0 ? [] : [{ about: 'callers', text: `Who is behind ${named(found.map(callerText))}? ${found.length === 1 ? 'It was' : 'They were'} not seen with this credential before.` }];
};

const unseenWithReplacement: Ask = ({ usage }) => {
  const found = usage.callers.filter((caller) => caller.usesReplacement === false && caller.requests > caller.denied && !isStranger(caller));
  if (found.length === 0) return [];
  return [{ about: 'callers', text: `Do ${named(found.map(callerText))} belong to you? They used the dead key and were not seen with the replacement, which whoever reads your stores has by now.` }];
};

const origin: Ask = ({ leak, window }) => [
  ...(leak?.where == null ? [{ about: 'leak', text: 'Where and how did it leak? Keyturn was not told. Close that hole before the replacement goes the same way.' }] : []),
  ...(window.basis === 'evidence' ? [] : [{ about: 'leak', text: `Since when could others read it? That is not known, so the window begins ${window.basis === 'creation' ? 'when the key was made' : 'when its revocation was asked for, as not even its creation is known'}.` }]),
];

const whatWasDone: Ask = ({ issuer, usage: { scopes } }) => (scopes.used !== null ? [] : [{
  about: 'scopes',
  text: `What was done with it? No usage source told which scopes its requests asked for, so nothing here says which of its scopes (${named(scopes.granted.map(outside)) || 'unknown'}) were used. Look into the audit log of ${outside(issuer)} for the window.`,
}]);

const nothingSeen: Ask = ({ usage }) => {
  if (usage.sources.length === 0) return [{ about: 'usage', text: 'What did the key do? No usage source is configured, so its requests were counted nowhere.' }];
  const silent = usage.sources.filter(({ source }) => !usage.seen.some((seen) => seen.source === source && seen.requests > 0));
  return silent.map(({ source }) => ({ about: 'usage', text: `Does ${outside(source)} see this key at all? It told of no request with it in the window: nobody used it there, or its log does not name it.` }));
};

const behind: Ask = ({ usage, window }) => usage.sources.filter(({ behindMs }) => behindMs > 0).map(({ source, shownUntil, behindMs }) => ({
  about: 'usage',
  text: `What happened in the last ${duration(behindMs)} of the window? ${outside(source)} has told nothing of it yet (${shownUntil === null ? 'nothing at all so far' : `it has shown all up to ${moment(shownUntil)}`}; the window ends at ${moment(window.until)}).`,
}));

const failing: Ask = ({ usage }) => usage.sources.flatMap(({ source, failingSince }) => (failingSince === null ? [] : [{
  about: 'usage', text: `What does ${outside(source)} know? It cannot be read since ${moment(failingSince)}: see \`keyturn doctor\`.`,
}]));

const unknownKeys: Ask = (_report, { usage }) => usage.sources.filter(({ unknown }) => unknown > 0).map(({ source, unknown, unknownExample }) => ({
  about: 'usage',
  text: `Whose are the ${requests(unknown)} that ${outside(source)} told of keys which the ledger does not know${unknownExample === null ? '' : `, for example ${outside(unknownExample)}`}? Counted since ever; some may have been made with this key under another name.`,
}));

const unknownValues: Ask = ({ keys }) => keys.filter(({ valueKnown }) => !valueKnown).map((key) => ({
  about: 'keys', text: `Is ${keyText(key)} the one that leaked? Keyturn never saw its value, so it cannot compare it with what was found.`,
}));

const noLongerKept: Ask = ({ window }, { usage: { kept } }) => {
  const parts = [[kept.hoursFrom, 'counts'], [kept.callersFrom, 'callers that were not seen since']] as const;
  return parts.filter(([from]) => Date.parse(window.from) < from.getTime()).map(([from, what]) => ({
    about: 'usage', text: `What happened before ${moment(from.toISOString())}? The window begins at ${moment(window.from)}, and ${what} of so long ago are no longer kept.`,
  }));
};

const manyCallers: Ask = ({ usage }) => {
  const most = CALLERS_BY_REQUESTS + CALLERS_BY_TIME;
  const groups = Map.groupBy(usage.callers, ({ source, issuerKeyId }) => `${issuerKeyId} ${source}`);
  return [...groups.values()].flatMap(([first, ...more]) => (first === undefined || more.length + 1 < most ? [] : [{
    about: 'callers', text: `Who else called? Of each key and source the ledger keeps the ${number(CALLERS_BY_REQUESTS)} callers with most requests and the ${number(CALLERS_BY_TIME)} seen last, and for ${outside(first.source)} that is all there is room for.`,
  }]));
};
