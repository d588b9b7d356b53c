/** Use that differs from who used the credential so far, or when. Pure. */
import { networkOf, programOf } from '../../core/callers.ts';
import { duration } from '../../core/phrases.ts';
import { days } from '../../core/duration.ts';
import type { Finding } from '../../core/finding.ts';
import type { Familiar } from '../../core/watching.ts';
import { MOST_AGENTS, MOST_NETWORKS } from '../scan/callers.ts';
import { accepted, minuteOf } from '../scan/minutes.ts';
import type { Sight } from '../scan/sight.ts';
import { keysInMinutes, keysOfCallers } from './doers.ts';
import { findingOf, ofCredential } from './finding.ts';
import type { Look } from './rule.ts';
import { callersText, factsOf, ifStolen, lookAtUsage, moment } from './words.ts';

/** So long it is new; then people have heard of it, and it is known. */
const NEW_FOR_MS = days(1);
/** Told one by one. */
const MOST_NEW = 10;

export const dormantKeyWaking: Look<'dormant_key_waking'> = (sight, settings) => {
  const { record, until, memory: { woke } } = sight;
  if (woke === null || woke.silentMs < settings.after || until - woke.at >= NEW_FOR_MS) return [];
  return [findingOf('dormant_key_waking', settings, ofCredential(record, sight.source), {
    value: woke.silentMs, fireAt: settings.after, clearAt: 0,
    title: `${record.name}: used again after a long silence`,
    happened: `\`${record.name}\` was used at ${moment(woke.at)}, for the first time in ${duration(woke.silentMs)}.`,
    expected: 'silence, as before',
    actual: `used again after ${duration(woke.silentMs)}`,
    todo: [lookAtUsage(record.name), ifStolen(record.name), 'If nobody needs it, revoke it and take it out of the configuration.'],
    facts: factsOf(sight), keys: keysInMinutes(sight, (at) => at >= minuteOf(woke.at)), evidence: { ...woke },
  })];
};

function newOnes(known: readonly Familiar[], { memory, shown }: Sight, learnMs: number, most: number): readonly Familiar[] {
  // A full list means that it is used from everywhere.
  if (known.length >= most || shown - memory.begunAt < learnMs) return [];
  return known.filter(({ first }) => first - memory.begunAt >= learnMs && shown - first < NEW_FOR_MS).slice(0, MOST_NEW);
}

export const newNetwork: Look<'new_network'> = (sight, settings) =>
  newOnes(sight.memory.networks, sight, settings.learn, MOST_NETWORKS).map((found): Finding => {
    const callers = sight.callers.filter((caller) => accepted(caller) > 0 && networkOf(caller.address) === found.name);
    return findingOf('new_network', settings, ofCredential(sight.record, sight.source, `network ${found.name}`), {
      value: 1, fireAt: 1, clearAt: 0,
      title: `${sight.record.name}: used from a new network`,
      happened: `\`${sight.record.name}\` is used from ${found.name} since ${moment(found.first)}, for the first time in ${duration(sight.shown - sight.memory.begunAt)}.`,
      expected: `one of the ${sight.memory.networks.length - 1} networks that it was used from so far`,
      actual: callers.length === 0 ? found.name : callersText(callers),
      todo: ['If you moved or added an application, nothing is to be done.', ifStolen(sight.record.name), lookAtUsage(sight.record.name)],
      facts: factsOf(sight, { Network: found.name }), keys: keysOfCallers(callers), evidence: { ...found },
    });
  });

export const newUserAgent: Look<'new_user_agent'> = (sight, settings) =>
  newOnes(sight.memory.agents, sight, settings.learn, MOST_AGENTS).map((found): Finding => {
    const callers = sight.callers.filter((caller) => accepted(caller) > 0 && programOf(caller.agent) === found.name);
    return findingOf('new_user_agent', settings, ofCredential(sight.record, sight.source, `agent ${found.name}`), {
      value: 1, fireAt: 1, clearAt: 0,
      title: `${sight.record.name}: used by a new program`,
      happened: `\`${sight.record.name}\` is used by ${found.name} since ${moment(found.first)}, which never used it before.`,
      expected: `one of the ${sight.memory.agents.length - 1} programs that used it so far`,
      actual: callers.length === 0 ? found.name : callersText(callers),
      todo: ['If you changed or added an application, nothing is to be done.', ifStolen(sight.record.name), lookAtUsage(sight.record.name)],
      facts: factsOf(sight, { Program: found.name }), evidence: { ...found },
    });
  });
