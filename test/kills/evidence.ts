/** The end of a run: faults end, everything comes to rest by itself, then what everybody saw is collected. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atRest } from '../../src/demo/evidence.ts';
import type { CaughtSlackMessage } from '../../src/demo/slack-catcher.ts';
import { keyturn } from '../support/cli.ts';
import type { Deeds } from './drive.ts';
import type { Facts } from './facts.ts';
import { waitingRecords } from './harm.ts';
import { embeddedDump, holdsKey, leakingFiles } from './leaks.ts';
import type { Stage } from './stage.ts';
import { servedBy } from './stores.ts';

/** A lease, a doubt of a minute, a debt's lease of three minutes, and retries that back off. */
const REST_MS = 900_000;
const LOOK_EVERY_MS = 500;
const STOP_MS = 15_000;
const LIMIT_OF_ALL = 50;

type Status = Awaited<ReturnType<ReturnType<Stage['client']>['status']>>;

export interface Collected extends Facts {
  /** How many rotations ended how, by the ledger: for the summary only. */
  readonly rotations: Readonly<Record<string, number>>;
}

export async function collect(stage: Stage, deeds: Deeds): Promise<Collected> {
  await stage.sandbox.faults();
  const { rest, status, messages } = await comeToRest(stage);
  const application = await stage.drainApplication();
  await stage.watch.stop();
  const served = (await Promise.all(stage.declared.map((one) => servedBy(one, stage.aws, true)))).flat();
  const [first] = stage.seats;
  const verified = await keyturn(['audit', 'verify'], { cwd: stage.directory, env: first === undefined ? {} : stage.environment(first) });
  const lastEnds = await Promise.all(stage.seats.map((seat) => seat.stop(STOP_MS)));
  return {
    credentials: stage.declared, served, application, rest, lastEnds,
    keys: await stage.sandbox.keys(),
    leftovers: (await readdir(join(stage.disk.directory, 'env'))).filter((name) => name.startsWith('.')),
    bystanders: stage.bystanders, keyLimit: stage.keyLimit,
    emergencies: stage.watch.emergencies,
    accepted: stage.watch.accepted,
    watched: { looks: stage.watch.looks, dead: stage.watch.dead },
    leaks: await searchLeaks(stage),
    audit: { code: verified.code, said: verified.stdout + verified.stderr },
    messages,
    ownEnds: stage.ownEnds.filter(({ at }) => !deeds.excuses.some(({ from, to }) => at >= from && at <= to)),
    rotations: status?.figures.rotationsByState ?? {},
  };
}

interface Rest {
  readonly rest: Facts['rest'];
  readonly status: Status | null;
  /** As they were when that status was given: what is told later may be on its way by one channel only. */
  readonly messages: Facts['messages'];
}

/** Nothing new begins from now on; what has begun must end. */
async function comeToRest(stage: Stage): Promise<Rest> {
  const [began, deadline] = [Date.now(), Date.now() + REST_MS];
  let [status, paused, waitsFor]: [Status | null, boolean, string] = [null, false, 'no worker answers'];
  let messages = messagesOf(stage, null);
  while (Date.now() < deadline) {
    const seen: Status | null = await ask(stage, paused).catch((error: unknown) => {
      waitsFor = String(error);
      return null;
    });
    if (seen !== null) {
      [status, paused, messages] = [seen, true, messagesOf(stage, seen)];
      const lacking = await notYet(stage, seen);
      if (lacking === null) return { status, messages, rest: { reached: true, afterMs: Date.now() - began, waitsFor: '' } };
      waitsFor = lacking;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return { status, messages, rest: { reached: false, afterMs: Date.now() - began, waitsFor } };
}

async function ask(stage: Stage, paused: boolean): Promise<Status> {
  const seat = stage.seats.find((one) => one.upSince !== null);
  if (seat === undefined) throw new Error('no worker is up');
  const client = stage.client(seat);
  if (!paused) await client.pause({ scope: 'all', name: null }, { who: 'cli:kills', why: 'the run ends' });
  return await client.status();
}

/** What is still under way, or null. */
async function notYet(stage: Stage, status: Status): Promise<string | null> {
  const starting = stage.seats.filter((seat) => seat.upSince === null);
  if (starting.length > 0) return `${starting.map(({ name }) => name).join(', ')} not up`;
  const records = waitingRecords(stage);
  if (records.length > 0) return `${records.length} break-glass records are not taken in`;
  if (!atRest(status)) {
    const open = status.credentials.flatMap(({ openRotation: r }) => (r === null || r.state === 'requested' ? [] : [`${r.id} of ${r.credential} is ${r.state} (${r.reason}: ${r.message})`]));
    const debts = status.debts.map((debt) => `key ${debt.issuerKeyId} of ${debt.credential} is owed (${debt.cause}, ${debt.attempts} tries: ${debt.lastError})`);
    return [...open, ...debts, `${status.figures.deliveriesWaiting} messages wait, ${status.figures.unsealedAudit} audit events are not sealed`].join('; ');
  }
  const living = (await stage.sandbox.keys()).filter((key) => key.status === 'active');
  const wrong = stage.declared.map(({ name }) => ({ name, count: living.filter((key) => key.name.startsWith(`${name}-kt-`)).length })).filter(({ count }) => count !== 1);
  return wrong.length === 0 ? null : `the ledger is at rest, but ${wrong.map(({ name, count }) => `${name} has ${count} live keys`).join(', ')}`;
}

/** The delivery that each message was posted as. An alert's message is edited later, and an edit is no delivery. */
export function postedAs(messages: readonly Pick<CaughtSlackMessage, 'metadata' | 'earlier'>[]): readonly string[] {
  return messages.map(({ metadata, earlier }) => (earlier.length === 0 ? metadata : earlier[0]) as { readonly event_payload?: { readonly delivery_id?: string } } | null)
    .map((posted) => posted?.event_payload?.delivery_id ?? '');
}

function messagesOf(stage: Stage, status: Status | null): Facts['messages'] {
  const slack = postedAs(stage.slack.messages);
  const stuck = (status?.stuckDeliveries ?? []).slice(0, LIMIT_OF_ALL);
  const told = stage.slack.messages.map(({ text }) => text);
  return {
    slack, mail: stage.mail.messages.map(({ messageId }) => messageId),
    waiting: status?.figures.deliveriesWaiting ?? 0,
    stuck: Object.fromEntries([...Map.groupBy(stuck, ({ channel }) => channel)].map(([channel, all]) => [channel, all.length])),
    emergenciesTold: stage.declared.map(({ name }) => name).filter((name) => told.some((text) => text.includes(name) && /emergency|revoked/i.test(text))),
  };
}

async function searchLeaks(stage: Stage): Promise<Facts['leaks']> {
  const dumps: Record<string, string> = {};
  if (stage.postgres !== null) dumps['the dump of PostgreSQL'] = await stage.postgres.dump();
  else for (const { dataDir } of stage.seats) dumps['the tables of the embedded ledger'] = await embeddedDump(dataDir);
  const redis = await stage.redis?.dump();
  const directories = [join(stage.directory, 'logs'), join(stage.disk.directory, 'data'), join(stage.directory, 'postgres'), ...(redis === undefined ? [] : [join(redis, '..')])];
  return {
    found: [...directories.flatMap(leakingFiles), ...Object.entries(dumps).filter(([, text]) => holdsKey(text)).map(([where]) => where)],
    searched: leakingFiles(join(stage.disk.directory, 'env')).length > 0 && Object.values(dumps).every((text) => text.includes('keyturn')),
  };
}
