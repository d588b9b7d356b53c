/** The due sweep: what the schedule asks for becomes a rotation, once an occurrence, however many were missed. */
import { credentialUnbound } from '../alerts/notices.ts';
import { hours, minutes } from '../core/duration.ts';
import { KeyturnError, describeError } from '../core/errors.ts';
import { nextDue, occurrenceDue, type DueFacts } from '../core/policy.ts';
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { CredentialRecord, DueCredential, DueRequest } from '../ports/ledger.ts';
import { bind } from './bind.ts';
import type { Engine } from './engine.ts';
import { wakeRotations, wakeWaiting } from './request.ts';

const BATCH = 500;
/** Written in one transaction: few enough that an emergency of one of them hardly waits for it. */
const AT_ONCE = 250;
const UNBOUND_AGAIN_MS = minutes(1);
const UNBOUND_REPEAT_MS = hours(24);
const SCHEDULE: Actor = { who: 'schedule', why: 'due by policy' };
const BOOTSTRAP: Actor = { who: 'schedule', why: 'the credential has no key yet' };
const CONFIGURATION: Actor = { who: 'schedule', why: 'adoption declared in the configuration' };

/** Considers every credential that may be due, and wakes every rotation that should be moving. */
export async function sweep(engine: Engine, signal: AbortSignal): Promise<void> {
  const due = await engine.ledger.dueCredentials(BATCH);
  const bound = due.filter(({ currentKey }) => currentKey !== null);
  const woken = new Set<string>();
  for (let start = 0; start < bound.length; start += AT_ONCE) {
    if (signal.aborted) return;
    await considerBound(engine, bound.slice(start, start + AT_ONCE), woken);
  }
  // Those without a key come last: each looks into its stores first.
  await considerKeyless(engine, due.filter(({ currentKey }) => currentKey === null), woken, signal);
  await wakeWaiting(engine, BATCH, woken);
}

/** Those that people retired stay without a key, whenever they seem due: a request that races with that is refused, since their newest rotation moved on. */
async function considerKeyless(engine: Engine, keyless: readonly DueCredential[], woken: Set<string>, signal: AbortSignal): Promise<void> {
  if (keyless.length === 0) return;
  const retired = new Set((await engine.ledger.retired(keyless.map(({ name }) => name))).map(({ credential }) => credential));
  await together(engine, keyless.filter(({ name }) => retired.has(name)).map((due) => ({ due, dueAt: null })), (all) => engine.ledger.redate(all));
  for (const one of keyless.filter(({ name }) => !retired.has(name))) {
    if (signal.aborted) return;
    await trying(engine, [one], () => considerUnbound(engine, one, woken, signal));
  }
}

/** What the sweep says of a credential: the occurrence for which a rotation is due, or when to look again (null: never). */
type Said = { readonly due: DueCredential } & ({ readonly occurrence: Date } | { readonly dueAt: Date | null });

async function considerBound(engine: Engine, some: readonly DueCredential[], woken: Set<string>): Promise<void> {
  const said: Said[] = [];
  for (const due of some) await trying(engine, [due], () => void said.push(say(due)));
  const dates = said.filter((one) => 'dueAt' in one);
  const requests = said.filter((one) => 'occurrence' in one).map(({ due, occurrence }): DueRequest => ({ due, actor: SCHEDULE, occurrence }));
  await together(engine, dates, (all) => engine.ledger.redate(all));
  await together(engine, requests, async (all) => {
    const answered = await request(engine, all, woken);
    if (answered.length > 0) await engine.ledger.redate(answered.map((due) => ({ due, dueAt: next(due) })));
  });
}

function say(due: DueCredential): Said {
  const occurrence = occurrenceDue(due.plan.policy, dueFacts(due, due.currentKey), due.asOf);
  if (occurrence === null) return { due, dueAt: next(due) };
  const retryAt = retryAfterFailure(due, occurrence.dueAt);
  if (retryAt !== null && retryAt > due.asOf) return { due, dueAt: earlier(retryAt, next(due)) };
  return { due, occurrence: retryAt ?? occurrence.occurrence };
}

/** The first due instant that is still to come. */
function next(due: DueCredential): Date | null {
  return nextDue(due.plan.policy, { ...dueFacts(due, due.currentKey), after: due.asOf });
}

/** Asks for the rotations and wakes them; ids of the new ones are added to `woken`. Answers whose occurrence had its rotation already. */
async function request(engine: Engine, requests: readonly DueRequest[], woken: Set<string>): Promise<readonly DueCredential[]> {
  const outcomes = await engine.ledger.requestDue(requests);
  const ids = outcomes.flatMap((one) => (one.outcome === 'created' ? [one.rotationId] : []));
  await wakeRotations(engine, ids);
  ids.forEach((id) => woken.add(id));
  for (const [n, { due, actor }] of requests.entries()) {
    const outcome = outcomes[n];
    if (outcome?.outcome === 'created') engine.log.info({ credential: due.name, rotation: outcome.rotationId, kind: 'scheduled', by: actor.who, why: actor.why }, 'rotation requested');
  }
  return requests.filter((_one, n) => outcomes[n]?.outcome === 'answered').map(({ due }) => due);
}

/** Writes all in one transaction. One that cannot be written must keep back no other: then each is tried by itself. */
async function together<T extends { readonly due: DueCredential }>(engine: Engine, all: readonly T[], write: (some: readonly T[]) => Promise<void>): Promise<void> {
  if (all.length === 0) return;
  try {
    await write(all);
  } catch (error) {
    const dues = all.map(({ due }) => due);
    // What the ledger has a name for, as that it does not answer, is no single credential's trouble.
    if (all.length === 1 || error instanceof KeyturnError) return tell(engine, dues, error);
    for (const one of all) await trying(engine, [one.due], () => write([one]));
  }
}

async function trying(engine: Engine, dues: readonly DueCredential[], work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    tell(engine, dues, error);
  }
}

function tell(engine: Engine, dues: readonly DueCredential[], error: unknown): void {
  const [first, ...more] = dues.map(({ name }) => name);
  engine.log.warn({ credential: first, ...(more.length === 0 ? {} : { others: more.length }), error: describeError(error) }, 'could not be scheduled; the next sweep tries again');
}

export function dueFacts(record: CredentialRecord, current: Pick<KeyRecord, 'createdAt'> | null): DueFacts {
  return { credential: record.name, lastRotatedAt: record.lastRotatedAt, createdAt: current?.createdAt ?? record.firstSeenAt };
}

/** When the occurrence's rotation failed: the instant of its next try. Null when nothing has answered the occurrence yet. */
function retryAfterFailure({ last, plan }: DueCredential, dueAt: Date): Date | null {
  if (last?.finishedAt == null || (last.state === 'done' && last.renewed) || last.createdAt < dueAt) return null;
  return new Date(last.finishedAt.getTime() + plan.policy.deadlines.retryMs);
}

function earlier(a: Date, b: Date | null): Date {
  return b !== null && b < a ? b : a;
}

/** A credential without a key: adopt what its stores serve, or mint its first. */
async function considerUnbound(engine: Engine, due: DueCredential, woken: Set<string>, signal: AbortSignal): Promise<void> {
  const now = await engine.ledger.now();
  const redate = (dueAt: Date | null): Promise<void> => engine.ledger.redate([{ due, dueAt }]);
  const retryAt = retryAfterFailure(due, new Date(0));
  if (retryAt !== null && retryAt > now) return await redate(retryAt);
  const known = (await engine.ledger.keysOf(due.name)).length > 0;
  const binding = await bind(engine, due.plan, known ? null : due.plan.adopt, CONFIGURATION, signal);
  switch (binding.outcome) {
    case 'bound':
      return await redate(nextDue(due.plan.policy, { ...dueFacts(due, binding.key), after: now }));
    case 'bootstrap':
      await request(engine, [{ due, actor: BOOTSTRAP, occurrence: retryAt ?? due.last?.finishedAt ?? due.firstSeenAt }], woken);
      return;
    case 'unbound': {
      const notice = credentialUnbound({ credential: due.name, issuer: due.issuer, owner: due.owner, code: binding.code, why: binding.why, todo: binding.todo });
      await engine.ledger.notify(notice, due.plan.channels[notice.severity], UNBOUND_REPEAT_MS);
      engine.log.warn({ credential: due.name, reason: binding.code }, binding.why);
      return await redate(new Date(now.getTime() + UNBOUND_AGAIN_MS));
    }
  }
}
