/** The operations that change something. Each leaves its actor in the audit log. */
import { ulid } from 'ulid';
import { KeyturnError } from '../core/errors.ts';
import type { Adoption } from '../core/plan.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { CredentialRecord, Pause, RequestOutcome } from '../ports/ledger.ts';
import { bind, bound } from '../rotation/bind.ts';
import { declaredPages } from '../rotation/declared.ts';
import { pauseFor } from '../rotation/gather/gate.ts';
import { publish } from '../rotation/publish.ts';
import { requestRotation } from '../rotation/request.ts';
import type { AlertChanges } from './alert-operations.ts';
import { abortRotation, resumeRotation } from './asks.ts';
import type { Context } from './context.ts';
import type { DrillChanges } from './drills/operations.ts';
import { keysById } from './keys.ts';
import type { AdoptRequest, KeyView, Operations, PauseRequest, Questions, RequestedRotation, RotateRequest } from './operations.ts';
import type { ResponseChanges } from './response-operations.ts';
import { revoke, revokeOwned } from './revocations.ts';
import { settle } from './settle.ts';
import { rotationSummary } from './views.ts';

type Changes = Omit<Operations, keyof Questions | keyof AlertChanges | keyof ResponseChanges | keyof DrillChanges | 'reload'>;

const WORK_MS = 60_000;
const SHOWN_NAMES = 20;

export function changes(context: Context): Changes {
  const { ledger } = context;
  return {
    rotate: (request, actor) => rotate(context, request, actor),
    revoke: (what, actor, options) => revoke(context, what, actor, options),
    revokeOwned: (owner, replace, actor) => revokeOwned(context, owner, replace, actor),
    adopt: (request, actor) => adopt(context, request, actor),
    async pause(request, actor) {
      await knownScope(context, request);
      await ledger.setPause({ scope: request.scope, name: request.name, actor });
    },
    async resume(request, actor) {
      const wasPaused = await ledger.clearPause(request.scope, request.name, actor);
      await context.queue?.wake('due-sweep', {});
      return { wasPaused };
    },
    abortRotation: (id, actor) => abortRotation(context, id, actor),
    resumeRotation: (id, actor) => resumeRotation(context, id, actor),
    async publish(credential, actor) {
      return await publish(context.engine, await declared(context, credential), actor, ulid(), AbortSignal.timeout(WORK_MS));
    },
    settle: (ids, actor) => settle(context, ids, actor),
    takeRecord: ({ record, unsigned }, actor) => context.intake.takeText(record, unsigned, actor, AbortSignal.timeout(WORK_MS)),
    async retryDeliveries(channel, actor) {
      await knownChannel(context, channel);
      const retried = await ledger.retryStuck(channel ?? undefined);
      await ledger.audit({ type: 'deliveries.retried', actor, credential: null, rotationId: null, keyId: null, detail: { channel, retried } });
      await context.queue?.wake('deliver', {});
      return { retried };
    },
  };
}

/** Throws UNKNOWN_CREDENTIAL with what is declared. */
export async function declared(context: Context, name: string): Promise<CredentialRecord> {
  const record = await context.ledger.credential(name);
  if (record?.declared === true) return record;
  const names = (await context.ledger.declaredCredentials({}, { limit: SHOWN_NAMES + 1 })).map((r) => r.name);
  throw new KeyturnError('UNKNOWN_CREDENTIAL', `No credential named ${name} is declared.`, {
    effect: 'none',
    todo: names.length === 0 ? 'The configuration declares none.' : `Declared: ${names.slice(0, SHOWN_NAMES).join(', ')}${names.length > SHOWN_NAMES ? ', …' : ''}.`,
  });
}

/** History outlives a declaration, so a credential that was removed may still be asked about. Throws UNKNOWN_CREDENTIAL. */
export async function everDeclared(context: Context, name: string | undefined): Promise<void> {
  if (name !== undefined && (await context.ledger.credential(name)) === null) await declared(context, name);
}

async function rotate(context: Context, request: RotateRequest, actor: Actor): Promise<readonly RequestedRotation[]> {
  const records = await chosen(context, request);
  const pauses = await context.ledger.pauses();
  for (const record of records) {
    const pause = pauseFor(pauses, record.name, record.issuer);
    if (pause === null) continue;
    throw new KeyturnError('PAUSED', `${record.name} is paused by ${pause.actor.who}: ${pause.actor.why}. Nothing was requested.`, { effect: 'none', todo: `Lift the pause with \`keyturn resume ${scopeFlag(pause)}\`.` });
  }
  const outcomes: RequestOutcome[] = [];
  for (const record of records) outcomes.push(await requestRotation(context.engine, await bound(context.engine, record, actor), 'manual', actor));
  return await requested(context, outcomes);
}

const scopeFlag = ({ scope, name }: Pause): string => (scope === 'all' ? '--all' : scope === 'issuer' ? `--issuer ${name}` : String(name));

/** All of them or none: an unknown name stops the request before anything is asked for. */
async function chosen(context: Context, request: RotateRequest): Promise<readonly CredentialRecord[]> {
  const names = request.credentials ?? [];
  const records = await allDeclared(context, names);
  if (request.owner === undefined) {
    if (records.length === 0) throw new KeyturnError('USAGE', 'No credential was named.', { effect: 'none', todo: 'Name some, or an owner.' });
    return records;
  }
  const owned: CredentialRecord[] = [];
  for await (const page of declaredPages(context.ledger, { owner: request.owner })) owned.push(...page);
  if (owned.length === 0) throw new KeyturnError('UNKNOWN_NAME', `No credential belongs to ${request.owner}.`, { effect: 'none', todo: 'See `keyturn status` for owners.' });
  // Retired ones come back by their names only: nobody who rotates a person's keys means those that were taken away for good.
  const retired = new Set((await context.ledger.retired(owned.map(({ name }) => name))).map(({ credential }) => credential));
  const living = owned.filter(({ name }) => !retired.has(name));
  if (living.length === 0) throw new KeyturnError('USAGE', `Every credential of ${request.owner} is retired.`, { effect: 'none', todo: `Name those that are to come back: ${owned.map(({ name }) => name).slice(0, SHOWN_NAMES).join(', ')}.` });
  return [...records, ...living];
}

/** In the order asked for. Throws UNKNOWN_CREDENTIAL for the first that is not declared. */
async function allDeclared(context: Context, names: readonly string[]): Promise<readonly CredentialRecord[]> {
  const known = new Map((await context.ledger.credentials(names)).filter((record) => record.declared).map((record) => [record.name, record]));
  return await Promise.all(names.map(async (name) => known.get(name) ?? (await declared(context, name))));
}

async function requested(context: Context, outcomes: readonly RequestOutcome[]): Promise<readonly RequestedRotation[]> {
  const [keys, now] = await Promise.all([keysById(context.ledger, outcomes.map(({ rotation }) => rotation)), context.ledger.now()]);
  return outcomes.map(({ rotation, outcome }) => ({ rotation: rotationSummary(rotation, keys, now), created: outcome === 'created' }));
}

async function adopt(context: Context, request: AdoptRequest, actor: Actor): Promise<KeyView> {
  const record = await declared(context, request.credential);
  const { ledger, engine } = context;
  if (record.currentKeyId !== null) {
    throw new KeyturnError('BLOCKED', `${record.name} has a current key already.`, { effect: 'none', todo: `Rotate it: \`keyturn rotate ${record.name}\`.` });
  }
  const adoption = adoptionOf(request) ?? record.plan.adopt;
  if (adoption === null) throw new KeyturnError('USAGE', 'Nothing says which key to adopt.', { effect: 'none', todo: 'Give --key-id or --name; `keyturn keys` lists them.' });
  const binding = await bind(engine, record.plan, adoption, actor, AbortSignal.timeout(WORK_MS));
  if (binding.outcome === 'unbound') throw new KeyturnError('BLOCKED', binding.why, { effect: 'none', todo: binding.todo });
  if (binding.outcome === 'bootstrap') throw new KeyturnError('BLOCKED', `No store of ${record.name} holds a value to adopt.`, { effect: 'none' });
  await ledger.setDue(record.name, await ledger.now());
  const { key } = binding;
  return {
    credential: key.credential, issuer: key.issuer, issuerKeyId: key.issuerKeyId, name: key.name, prefix: key.prefix, scopes: key.scopes,
    createdAt: key.createdAt.toISOString(), lastUsedAt: null, requestsToday: null, errorRate: null, state: key.state, issuerAnswered: true,
  };
}

function adoptionOf(request: AdoptRequest): Adoption | null {
  if (request.keyId !== undefined) return { by: 'key-id', value: request.keyId };
  return request.name === undefined ? null : { by: 'name', value: request.name };
}

async function knownScope(context: Context, request: PauseRequest): Promise<void> {
  if (request.scope === 'credential' && request.name !== null) await declared(context, request.name);
  if (request.scope === 'issuer') await usedIssuer(context, request.name ?? '');
}

/** Throws UNKNOWN_NAME, with the issuers that credentials have, when `name` is none of them. */
export async function usedIssuer({ ledger }: Context, name: string): Promise<void> {
  const known = await ledger.issuers();
  if (known.includes(name)) return;
  throw new KeyturnError('UNKNOWN_NAME', `No issuer named ${name} is in use.`, { effect: 'none', todo: `In use: ${known.join(', ')}.` });
}

const MANY_STUCK = 1_000;

async function stuckChannels({ ledger }: Context): Promise<ReadonlySet<string>> {
  return new Set((await ledger.deliveries({ state: 'stuck' }, { limit: MANY_STUCK })).map((delivery) => delivery.channel));
}

/** A channel that was removed may still have messages that are stuck. Throws UNKNOWN_NAME for one that never was. */
async function knownChannel(context: Context, name: string | null): Promise<void> {
  const names = context.channelDefinitions().map((channel) => channel.name);
  if (name === null || names.includes(name) || (await stuckChannels(context)).has(name)) return;
  throw new KeyturnError('UNKNOWN_NAME', `No channel named ${name} is declared.`, { effect: 'none', todo: names.length === 0 ? 'The configuration declares none.' : `Declared: ${names.join(', ')}.` });
}
