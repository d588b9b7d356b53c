/** The checker: which promises were broken, judged by the facts alone. Pure. */
import type { KeyLife } from '../../src/sandbox/index.ts';
import type { Failure } from './application.ts';
import type { Facts } from './facts.ts';
import type { Emergency } from './watch.ts';

export interface Verdict {
  /** Each as `promise N: what was seen`. */
  readonly broken: readonly string[];
  /** Failed calls while an emergency had revoked the key and its replacement was not read yet. */
  readonly failuresInGaps: number;
  /** Failed calls that have nothing to do with keys: time-outs and the like. */
  readonly otherFailures: number;
  /** Of the emergencies that took effect: from the last key's death to its replacement in every place. */
  readonly longestGap: Gap | null;
}

export interface Gap {
  readonly credential: string;
  /** Epoch milliseconds. */
  readonly from: number;
  readonly ms: number;
}

interface Promised {
  readonly promise: number;
  readonly broken: (facts: Facts) => readonly string[];
}

/** After the replacement is in the stores, applications need as long to read it. */
const GAP_GRACE_MS = 3_000;

export const PROMISES: readonly Promised[] = [
  { promise: 1, broken: (facts) => refusedOutsideGaps(facts).map(({ credential, from, problem, begunAt }) => `the application of ${credential} (${from}) was refused at ${iso(begunAt)}: ${problem}`) },
  { promise: 1, broken: servedDead },
  { promise: 1, broken: ({ watched, application }) => (watched.looks > 0 && application.requests > 0 ? [] : ['nobody looked, or no application called']) },
  { promise: 3, broken: (facts) => facts.credentials.flatMap(({ name }) => wrongCount(name, livingOf(facts, name))) },
  { promise: 3, broken: orphans },
  { promise: 3, broken: ({ leftovers }) => leftovers.map((file) => `unpublished values are left in ${file}`) },
  { promise: 4, broken: overLimit },
  { promise: 4, broken: ({ keys, bystanders }) => keys.filter((key) => bystanders.includes(key.id) && key.status !== 'active').map((key) => `${key.name}, which Keyturn did not make, was revoked`) },
  { promise: 5, broken: ({ leaks }) => leaks.found.map((where) => `a key is written in ${where}`) },
  { promise: 5, broken: ({ leaks }) => (leaks.searched ? [] : ['the search finds no key even where there are some']) },
  { promise: 6, broken: (facts) => facts.credentials.flatMap(({ name }) => interleaved(facts, name)) },
  { promise: 7, broken: ({ audit }) => (audit.code === 0 ? [] : [`keyturn audit verify exits with ${audit.code}: ${audit.said}`]) },
  { promise: 8, broken: untold },
  { promise: 9, broken: wrongPlace },
  { promise: 10, broken: ({ rest }) => (rest.reached ? [] : [`things were not at rest after ${Math.round(rest.afterMs / 1_000)} s: ${rest.waitsFor}`]) },
  { promise: 10, broken: ({ ownEnds }) => ownEnds.map(({ worker, how, at, lastWords }) => `${worker} ended by itself (${how}) at ${iso(at)}: ${lastWords}`) },
  { promise: 10, broken: ({ lastEnds }) => lastEnds.filter((end) => end !== 'exit code 0').map((end) => `a worker that was asked to stop ended with ${end}`) },
  { promise: 11, broken: forgotten },
];

export function judge(facts: Facts): Verdict {
  const gaps = facts.emergencies.flatMap((one) => gapOf(one, facts.keys) ?? []);
  const refusals = facts.application.failures.filter(isRefusal);
  return {
    broken: PROMISES.flatMap(({ promise, broken }) => broken(facts).map((what) => `promise ${promise}: ${what}`)),
    failuresInGaps: refusals.length - refusedOutsideGaps(facts).length,
    otherFailures: facts.application.failures.length - refusals.length,
    longestGap: gaps.reduce<Gap | null>((longest, gap) => (gap.ms > (longest?.ms ?? 0) ? gap : longest), null),
  };
}

const iso = (at: number): string => new Date(at).toISOString();
const created = (key: KeyLife): number => Date.parse(key.created_at);
const revoked = (key: KeyLife): number => (key.revoked_at === null ? Number.POSITIVE_INFINITY : Date.parse(key.revoked_at));

/** Keyturn's own names: `<credential>-kt-<installation>-<token>`. */
function keysOf({ keys }: Facts, credential: string): readonly KeyLife[] {
  return keys.filter((key) => key.name.startsWith(`${credential}-kt-`));
}

function livingOf(facts: Facts, credential: string): readonly KeyLife[] {
  return keysOf(facts, credential).filter((key) => key.status === 'active');
}

function wrongCount(credential: string, living: readonly KeyLife[]): readonly string[] {
  return living.length === 1 ? [] : [`${credential} has ${living.length} live keys: ${living.map((key) => key.name).join(', ') || 'none'}`];
}

/** Refused by the issuer, or not sent for want of a key. */
function isRefusal({ problem }: Failure): boolean {
  return problem.includes('status 401') || problem.includes('KeyRingError');
}

function refusedOutsideGaps(facts: Facts): readonly Failure[] {
  return facts.application.failures.filter((failure) => isRefusal(failure) && !inGap(facts.emergencies, failure.credential, failure.begunAt, failure.endedAt));
}

function inGap(emergencies: readonly Emergency[], credential: string, from: number, to: number): boolean {
  return emergencies.some((one) => one.credential === credential && to >= one.askedAt && from <= (one.healedAt ?? Number.POSITIVE_INFINITY) + GAP_GRACE_MS);
}

function servedDead({ watched, emergencies }: Facts): readonly string[] {
  return watched.dead.filter(({ credential, at }) => !inGap(emergencies, credential, at, at))
    .map(({ place, as, key, at, revokedAt }) => `${place} served ${key} as ${as} at ${iso(at)}, ${at - revokedAt} ms after its revocation`);
}

/** Live keys with a name of Keyturn's that belong to no declared credential, or that no place serves. */
function orphans(facts: Facts): readonly string[] {
  const served = new Set(facts.served.map(({ current }) => current));
  return facts.keys.filter((key) => key.status === 'active' && key.name.includes('-kt-') && !served.has(key.sha256)).map((key) => `${key.name} (${key.id}) lives and is served nowhere`);
}

function overLimit({ keys, keyLimit }: Facts): readonly string[] {
  const most = keys.map((key) => ({ at: created(key), live: keys.filter((other) => created(other) <= created(key) && revoked(other) > created(key)).length }))
    .reduce((worst, one) => (one.live > worst.live ? one : worst), { at: 0, live: 0 });
  return most.live > keyLimit ? [`${most.live} keys lived at ${iso(most.at)}; the limit is ${keyLimit}`] : [];
}

/**
 * When a key is created, at most one other key of the credential lives that anybody ever had the value of: an unused one is an
 * orphan of a lost answer, two used ones are two rotations at work. In an emergency's gap dying keys are still there.
 */
function interleaved(facts: Facts, credential: string): readonly string[] {
  const keys = keysOf(facts, credential);
  return keys.flatMap((key) => {
    const at = created(key);
    const inUse = keys.filter((other) => other !== key && created(other) <= at && revoked(other) > at && other.first_used_at !== null && Date.parse(other.first_used_at) < at);
    if (inUse.length <= 1 || inGap(facts.emergencies, credential, at, at)) return [];
    return [`${key.name} was created at ${iso(at)} while ${inUse.map((other) => other.name).join(' and ')} were both in use`];
  });
}

function untold({ messages: { slack, mail, waiting, stuck, emergenciesTold }, emergencies, keys }: Facts): readonly string[] {
  const arrived = { slack: new Set(slack).size + (stuck['slack'] ?? 0), mail: new Set(mail).size + (stuck['mail'] ?? 0) };
  return [
    ...(waiting > 0 ? [`${waiting} messages still wait, and nothing shows that they are stuck`] : []),
    ...(arrived.slack === arrived.mail ? [] : [`${arrived.slack} different messages came or are stuck by Slack, ${arrived.mail} by mail; every message goes to both`]),
    ...(arrived.slack > 0 ? [] : ['nobody was told anything']),
    ...emergencies.filter((one) => gapOf(one, keys) !== null && !emergenciesTold.includes(one.credential)).map(({ credential }) => `nobody was told of the emergency of ${credential}`),
  ];
}

/** A revocation whose acceptance somebody was told of, and whose key lives. */
function forgotten({ accepted, keys }: Facts): readonly string[] {
  const living = new Map(keys.filter((key) => key.status === 'active').map((key) => [key.id, key]));
  return accepted.flatMap(({ key, how, at }) => (living.has(key) ? [`${living.get(key)?.name} (${key}) lives, though its revocation by ${how} was accepted at ${iso(at)}`] : []));
}

/** Null where nothing shows that the emergency was taken: it left nothing alive of what it meant, and only then came a new key. */
function gapOf({ credential, askedAt, healedAt, key: doomed }: Emergency, keys: readonly KeyLife[]): Gap | null {
  const before = keys.filter((key) => key.name.startsWith(`${credential}-kt-`) && created(key) < askedAt && revoked(key) > askedAt && (doomed === null || key.id === doomed));
  const next = keys.find((key) => key.name.startsWith(`${credential}-kt-`) && created(key) >= askedAt);
  const from = Math.max(...before.map(revoked));
  return healedAt === null || next === undefined || before.length === 0 || from > created(next) ? null : { credential, from, ms: healedAt - from };
}

/** Each place serves the one live key of its credential, with the declared scopes, and no dead backup. */
function wrongPlace(facts: Facts): readonly string[] {
  const bySha = new Map(facts.keys.map((key) => [key.sha256, key]));
  return facts.served.flatMap(({ credential, place, current, backup, backupIsHistory }) => {
    const [key, spare] = [bySha.get(current ?? ''), bySha.get(backup ?? '')];
    const declared = facts.credentials.find(({ name }) => name === credential)?.scopes ?? [];
    if (key === undefined) return [`${place} serves ${current === null ? 'nothing' : 'a value that is no key'} for ${credential}`];
    return [
      ...(key.status === 'active' && key.name.startsWith(`${credential}-kt-`) ? [] : [`${place} serves ${key.name} (${key.status}) for ${credential}`]),
      ...([...key.scopes].sort().join() === [...declared].sort().join() ? [] : [`${key.name} has the scopes ${key.scopes.join(', ')}, declared are ${declared.join(', ')}`]),
      ...(backup === null || backupIsHistory || (spare !== undefined && spare.status === 'active') ? [] : [`${place} keeps ${spare?.name ?? 'a value that is no key'} (${spare?.status ?? 'unknown'}) as backup`]),
    ];
  });
}
