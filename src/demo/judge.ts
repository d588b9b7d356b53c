/**
 * The verdict: were Keyturn's promises kept? Judged by what the sandbox, the env file, the application and the
 * catchers saw; of Keyturn itself only its audit chain and its own idea of the current key are asked. Pure.
 */
import type { Client } from '../api/client.ts';
import type { KeyLife } from '../sandbox/index.ts';
import type { ApplicationFigures } from './caller.ts';
import { CREDENTIAL } from './config-text.ts';
import type { Served } from './env-file.ts';
import type { RotationSummary } from './follow.ts';
import type { WatchReport } from './watchman.ts';

export interface Evidence {
  /** Every key but the sandbox's own admin key. */
  readonly keys: readonly KeyLife[];
  readonly served: Served;
  /** Files in which Keyturn holds pending values, still there. */
  readonly leftovers: readonly string[];
  readonly watched: WatchReport;
  readonly application: ApplicationFigures;
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

const alive = (seen: Evidence): readonly KeyLife[] => seen.keys.filter((key) => key.status === 'active');
const unless = (kept: boolean, otherwise: string): string | null => (kept ? null : otherwise);
const names = (keys: readonly KeyLife[]): string => keys.map((key) => key.name).join(', ');
const ENDED: readonly string[] = ['done', 'aborted', 'rolled_back'];
/** Fewer calls than that prove nothing. */
const FEWEST_CALLS = 50;

export const PROMISES: readonly Promised[] = [
  { promise: 'The application never failed', broken: ({ application: a }) => (a.failures > 0 ? `${a.failures} of ${a.requests} calls failed, the last: ${a.lastFailure}` : unless(a.requests >= FEWEST_CALLS, `only ${a.requests} calls were made`)) },
  { promise: 'Exactly one key is alive', broken: (seen) => unless(alive(seen).length === 1, `${alive(seen).length} keys are alive: ${names(alive(seen))}`) },
  { promise: 'It is the one that app.env serves', broken: (seen) => unless(alive(seen)[0]?.sha256 === seen.served.current && seen.served.backup === null, 'app.env serves another key, or still a backup') },
  { promise: 'Every key ever minted is accounted for', broken: lost },
  { promise: 'app.env never served a dead key', broken: ({ watched }) => (watched.dead.length > 0 ? `it served ${watched.dead.join(', ')} after revocation` : unless(watched.looks > 0, 'nobody looked')) },
  { promise: 'Nobody used a dead key', broken: ({ keys }) => unless(keys.every((key) => key.requests_after_revocation === 0), `used after revocation: ${names(keys.filter((key) => key.requests_after_revocation > 0))}`) },
  { promise: 'Every rotation came to an end', broken: ({ rotations }) => unless(rotations.length > 0 && rotations.every(({ state }) => ENDED.includes(state)), rotations.map(({ id, state }) => `${id} is ${state}`).join(', ') || 'there was none') },
  { promise: 'People heard of each by Slack and by mail', broken: untold },
  { promise: 'The audit chain is whole', broken: ({ audit }) => unless(audit.ok && audit.events > 0 && audit.sealed === audit.events, audit.firstBad === null ? `${audit.sealed} of ${audit.events} events are sealed` : `event ${audit.firstBad.seq}: ${audit.firstBad.why}`) },
  { promise: 'No key was printed anywhere', broken: ({ leaks }) => unless(leaks.length === 0, `seen in ${leaks.join(', ')}`) },
  { promise: 'The worker stopped when asked', broken: ({ workerEnd }) => unless(workerEnd === 'exit code 0', `it ended with ${workerEnd}`) },
];

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

export interface Verdict {
  readonly keysMinted: number;
  readonly keysLive: number;
  readonly applicationRequests: number;
  readonly applicationFailures: number;
  readonly messagesDelivered: number;
  readonly slackMessages: number;
  readonly mails: number;
  readonly rotations: Readonly<Record<string, number>>;
  readonly longestRotationMs: number;
  readonly promisesKept: readonly string[];
  /** Each with what was seen instead. */
  readonly promisesBroken: readonly string[];
}

export function judge(seen: Evidence): Verdict {
  const verdicts = PROMISES.map(({ promise, broken }) => ({ promise, why: broken(seen) }));
  return {
    keysMinted: seen.keys.length,
    keysLive: alive(seen).length,
    applicationRequests: seen.application.requests,
    applicationFailures: seen.application.failures,
    messagesDelivered: seen.messages.slack.length + seen.messages.mail.length,
    slackMessages: seen.messages.slack.length,
    mails: seen.messages.mail.length,
    rotations: Object.fromEntries([...Map.groupBy(seen.rotations, ({ state }) => state)].map(([state, all]) => [state, all.length])),
    longestRotationMs: Math.max(0, ...seen.rotations.map(({ createdAt, finishedAt }) => (finishedAt === null ? 0 : Date.parse(finishedAt) - Date.parse(createdAt)))),
    promisesKept: verdicts.filter(({ why }) => why === null).map(({ promise }) => promise),
    promisesBroken: verdicts.filter(({ why }) => why !== null).map(({ promise, why }) => `${promise}: ${why}`),
  };
}

const WHOLE_KEY = /hm_(?:live_|test_)?[A-Za-z0-9]{16,}/;

/** The names of those texts that hold something like a whole key. A prefix of 8 characters is none. */
export function leaksIn(texts: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(texts).filter(([, text]) => WHOLE_KEY.test(text)).map(([where]) => where);
}
