/**
 * What Keyturn promises, judged by what the sandbox, the env file, the application and the catchers saw; of Keyturn itself
 * only its audit chain and its own idea of the current key are asked. Pure.
 */
import type { Client } from '../api/client.ts';
import type { KeyLife } from '../sandbox/index.ts';
import { REFUSED, type ApplicationFigures, type Call } from './caller.ts';
import { CREDENTIAL } from './config-text.ts';
import type { Served } from './env-file.ts';
import type { RotationSummary } from './follow.ts';
import { gapOf, instantOf, isExcused, lengthOf, LONGEST_GAP_MS, servedUntil, triedUntil, type Emergency, type Gap } from './gap.ts';
import type { WatchReport } from './watchman.ts';

export interface Evidence {
  /** Every key but the sandbox's own admin key. */
  readonly keys: readonly KeyLife[];
  readonly served: Served;
  /** Files in which Keyturn holds pending values, still there. */
  readonly leftovers: readonly string[];
  readonly watched: WatchReport;
  readonly application: ApplicationFigures;
  /** Every call of the application, by its own record. */
  readonly calls: readonly Call[];
  readonly emergency: Emergency;
  readonly rotations: readonly Pick<RotationSummary, 'id' | 'state' | 'createdAt' | 'finishedAt'>[];
  /** What the ledger says is current, by the issuer's id. */
  readonly currentKeyId: string | null;
  readonly openDebts: number;
  readonly audit: Awaited<ReturnType<Client['verifyAudit']>>;
  /** Texts and subjects. */
  readonly messages: { readonly slack: readonly string[]; readonly mail: readonly string[]; readonly waiting: number; readonly stuck: number };
  /** Where something that looks like a whole key was found. */
  readonly leaks: readonly string[];
  /** How the worker ended when it was asked to. */
  readonly workerEnd: string;
}

interface Promised {
  readonly promise: string;
  /** Null when it was kept, else what was seen instead. */
  readonly broken: (seen: Evidence) => string | null;
}

export const alive = (seen: Evidence): readonly KeyLife[] => seen.keys.filter((key) => key.status === 'active');
const unless = (kept: boolean, otherwise: string): string | null => (kept ? null : otherwise);
const names = (keys: readonly KeyLife[]): string => keys.map((key) => key.name).join(', ');
const ENDED: readonly string[] = ['done', 'aborted', 'rolled_back'];
/** Fewer calls than that prove nothing. */
const FEWEST_CALLS = 50;

/** Slower than that, a leaked key has not died at once. */
const SLOWEST_REVOCATION_MS = 10_000;

const leakedOf = ({ keys, emergency }: Evidence): KeyLife | undefined => keys.find(({ id }) => id === emergency.keyId);
export const gapIn = (seen: Evidence): Gap => gapOf(leakedOf(seen), seen.calls);

/** Failed calls that the gap does not excuse. */
export function failuresOf(seen: Evidence): readonly Call[] {
  const gap = gapIn(seen);
  return seen.calls.filter((call) => call.problem !== null && !isExcused(call, gap));
}

export const PROMISES: readonly Promised[] = [
  { promise: 'The leaked key died first, and whoever had found it was refused', broken: livedOn },
  { promise: 'The gap that it left ended within seconds', broken: gaping },
  { promise: 'Outside that gap the application never failed', broken: failed },
  { promise: 'Outside that gap app.env never served a dead key', broken: servedDead },
  { promise: 'Outside that gap nobody used a dead key', broken: usedDead },
  { promise: 'Exactly one key is alive', broken: (seen) => unless(alive(seen).length === 1, `${alive(seen).length} keys are alive: ${names(alive(seen))}`) },
  { promise: 'It is the one that app.env serves', broken: (seen) => unless(alive(seen)[0]?.sha256 === seen.served.current && seen.served.backup === null, 'app.env serves another key, or still a backup') },
  { promise: 'Every key ever minted is accounted for', broken: lost },
  { promise: 'Every rotation came to an end', broken: ({ rotations }) => unless(rotations.length > 0 && rotations.every(({ state }) => ENDED.includes(state)), rotations.map(({ id, state }) => `${id} is ${state}`).join(', ') || 'there was none') },
  { promise: 'People heard of each by Slack and by mail', broken: untold },
  { promise: 'The audit chain is whole', broken: ({ audit }) => unless(audit.ok && audit.events > 0 && audit.sealed === audit.events, audit.firstBad === null ? `${audit.sealed} of ${audit.events} events are sealed` : `event ${audit.firstBad.seq}: ${audit.firstBad.why}`) },
  { promise: 'No key was printed anywhere', broken: ({ leaks }) => unless(leaks.length === 0, `seen in ${leaks.join(', ')}`) },
  { promise: 'The worker stopped when asked', broken: ({ workerEnd }) => unless(workerEnd === 'exit code 0', `it ended with ${workerEnd}`) },
];

function failed(seen: Evidence): string | null {
  const [failures, all] = [failuresOf(seen), seen.calls.length];
  const last = failures.at(-1);
  if (last !== undefined) return `${failures.length} of ${all} calls failed, the last: ${last.what}: ${last.problem}`;
  return unless(all >= FEWEST_CALLS && all === seen.application.requests, `only ${all} of ${seen.application.requests} calls are on record`);
}

/** Of the leaked key: it must die before anything else is done, and then nobody may use it. */
function livedOn(seen: Evidence): string | null {
  const { emergency: { reportedAt, stranger }, keys } = seen;
  const diedAt = gapIn(seen).diedAt;
  if (diedAt === null) return 'it is alive';
  if (diedAt - reportedAt > SLOWEST_REVOCATION_MS) return `it died ${diedAt - reportedAt} ms after it was reported`;
  const sooner = keys.filter(({ created_at }) => Date.parse(created_at) >= reportedAt && Date.parse(created_at) < diedAt);
  if (sooner.length > 0) return `${names(sooner)} was made while it lived`;
  if (!stranger.some(({ problem }) => problem === null)) return 'nobody else had used it';
  return unless(stranger.at(-1)?.problem === REFUSED && stranger.every(({ problem, begunAt }) => problem !== null || begunAt <= diedAt), 'whoever had found it was not refused');
}

function gaping(seen: Evidence): string | null {
  const length = lengthOf(gapIn(seen));
  if (length === null) return 'no call of the application was answered after the leaked key had died';
  return unless(length <= LONGEST_GAP_MS, `it lasted ${length} ms, more than ${LONGEST_GAP_MS}`);
}

function servedDead(seen: Evidence): string | null {
  const [until, leaked] = [servedUntil(gapIn(seen)), leakedOf(seen)];
  const dead = new Set(seen.watched.dead.filter(({ name, at }) => name !== leaked?.name || at > until).map(({ name }) => name));
  return dead.size > 0 ? `it served ${[...dead].join(', ')} after revocation` : unless(seen.watched.looks > 0, 'nobody looked');
}

function usedDead(seen: Evidence): string | null {
  const until = triedUntil(gapIn(seen), seen.calls, seen.emergency.stranger);
  const excused = (key: KeyLife): boolean => key.id === seen.emergency.keyId && (instantOf(key.last_request_after_revocation_at) ?? Infinity) <= until;
  const used = seen.keys.filter((key) => key.requests_after_revocation > 0 && !excused(key));
  return unless(used.length === 0, `used after revocation: ${names(used)}`);
}

function lost(seen: Evidence): string | null {
  const current = alive(seen)[0];
  if (current !== undefined && current.id !== seen.currentKeyId) return `the ledger says that ${seen.currentKeyId ?? 'nothing'} is current, HyperMemory has ${current.id}`;
  if (seen.openDebts > 0) return `${seen.openDebts} revocations are still owed`;
  return unless(seen.leftovers.length === 0, `pending values were left in ${seen.leftovers.join(', ')}`);
}

function untold({ messages: { slack, mail, waiting, stuck }, rotations }: Evidence): string | null {
  if (waiting + stuck > 0) return `${waiting} messages wait and ${stuck} are stuck`;
  const [bySlack, byMail] = [slack, mail].map((texts) => texts.filter((text) => text.includes(CREDENTIAL)).length);
  return unless(Math.min(bySlack ?? 0, byMail ?? 0) >= rotations.length, `${bySlack} Slack messages and ${byMail} mails for ${rotations.length} rotations`);
}
