/** `plan`: per credential what would happen and when, and what blocks it. Changes nothing. */
import { describeError } from '../core/errors.ts';
import { nextDue, occurrenceDue } from '../core/policy.ts';
import { windowState } from '../core/window.ts';
import type { CredentialRecord, Pause } from '../ports/ledger.ts';
import { lookForBinding } from '../rotation/bind.ts';
import { dueFacts } from '../rotation/due.ts';
import { pauseFor } from '../rotation/gather/gate.ts';
import { prove } from '../rotation/preflight.ts';
import type { Context } from './context.ts';
import type { PlanEntry } from './operations.ts';

const LOOK_MS = 30_000;

export async function planFor(context: Context, record: CredentialRecord, pauses: readonly Pause[]): Promise<PlanEntry> {
  const open = await context.ledger.openRotation(record.name);
  if (open !== null) {
    const blockedBy = open.state === 'blocked' ? [open.message] : [];
    return { credential: record.name, action: open.state === 'blocked' ? 'blocked' : 'continue', at: open.wakeAt?.toISOString() ?? null, what: `Rotation ${open.id} is ${open.state}: ${open.message}`, steps: [], blockedBy };
  }
  try {
    return record.currentKeyId === null ? await planUnbound(context, record, pauses) : await planDue(context, record, pauses);
  } catch (error) {
    return { credential: record.name, action: 'blocked', at: null, what: 'It cannot be planned.', steps: [], blockedBy: [describeError(error)] };
  }
}

async function planUnbound(context: Context, record: CredentialRecord, pauses: readonly Pause[]): Promise<PlanEntry> {
  const [retired] = await context.ledger.retired([record.name]);
  if (retired !== undefined) return { credential: record.name, action: 'retired', at: null, what: `It was retired by ${retired.actor.who} at ${retired.since.toISOString()} (${retired.actor.why}) and gets no key by itself. To bring it back: \`keyturn rotate ${record.name}\`.`, steps: [], blockedBy: [] };
  const known = (await context.ledger.keysOf(record.name)).length > 0;
  const look = await lookForBinding(context.engine, record.plan, known ? null : record.plan.adopt, AbortSignal.timeout(LOOK_MS));
  const credential = record.name;
  if (look.outcome === 'unbound') return { credential, action: 'blocked', at: null, what: 'It has no current key.', steps: [], blockedBy: [`${look.why} ${look.todo}`] };
  if (look.outcome === 'candidate') {
    return { credential, action: 'adopt', at: null, what: `Key ${look.key.id} (${look.key.name}) would be adopted, once a call with the stored value has proved that it is that key.`, steps: [], blockedBy: [] };
  }
  const blockedBy = await obstacles(context, record, pauses);
  return { credential, action: blockedBy.length > 0 ? 'blocked' : 'bootstrap', at: null, what: 'No store holds a value: its first key would be minted now.', steps: steps(record, true), blockedBy };
}

async function planDue(context: Context, record: CredentialRecord, pauses: readonly Pause[]): Promise<PlanEntry> {
  const now = await context.ledger.now();
  const current = record.currentKeyId === null ? null : await context.ledger.key(record.currentKeyId);
  const facts = dueFacts(record, current);
  const { policy } = record.plan;
  const due = occurrenceDue(policy, facts, now)?.dueAt ?? nextDue(policy, { ...facts, after: now });
  if (due === null) return { credential: record.name, action: 'nothing', at: null, what: `Policy ${policy.name} rotates only by hand.`, steps: [], blockedBy: await obstacles(context, record, pauses) };
  const at = opening(record, due > now ? due : now);
  const blockedBy = await obstacles(context, record, pauses);
  const when = at <= now ? 'now' : `at ${at.toISOString()}`;
  return {
    credential: record.name,
    action: blockedBy.length > 0 ? 'blocked' : 'rotate',
    at: at.toISOString(),
    what: `Policy ${policy.name} rotates key ${current?.issuerKeyId ?? ''} ${when}.`,
    steps: steps(record, false),
    blockedBy,
  };
}

/** The first instant from `due` on at which the maintenance window is open. */
function opening(record: CredentialRecord, due: Date): Date {
  const { window } = record.plan.policy;
  const state = window === null ? null : windowState(window, due);
  return state === null || state.open ? due : state.opensAt;
}

async function obstacles(context: Context, record: CredentialRecord, pauses: readonly Pause[]): Promise<readonly string[]> {
  const { engine, ledger } = context;
  const pause = pauseFor(pauses, record.name, record.issuer);
  const oldKey = record.currentKeyId === null ? null : await ledger.key(record.currentKeyId);
  const plugins = await engine.plugins(record.plan);
  const proof = await prove(engine, plugins, AbortSignal.timeout(LOOK_MS), { plan: record.plan, oldKey, openDebts: await context.ledger.openDebts({ credential: record.name }), rotationId: null, forwardOnly: false });
  const paused = pause === null ? [] : [`Paused by ${pause.actor.who}: ${pause.actor.why}`];
  return [...paused, ...proof.problems.map((problem) => `${problem.message} ${problem.todo}`.trim())];
}

function steps(record: CredentialRecord, first: boolean): readonly string[] {
  const { plan } = record;
  const { policy } = plan;
  const where = plan.places.map((place) => place.id).join(', ');
  const replace = policy.strategy === 'replace' && !first ? ['revoke the old key first (allowDowntime)'] : [];
  const drain = first || policy.strategy === 'replace' ? [] : [`wait for the overlap (${seconds(policy.overlapMs)})${policy.quietMs > 0 ? ` and ${seconds(policy.quietMs)} of quiet` : ''}`, 'revoke the old key'];
  return [
    ...replace,
    `mint a key named ${plan.keyName}-kt-… with ${plan.scopes.join(', ')}`,
    'stage it and check it against the issuer',
    `publish it to ${where}`,
    ...(plan.hooks.length > 0 ? [`run hooks: ${plan.hooks.map((hook) => hook.name).join(', ')}`] : []),
    ...(plan.checks.length > 0 ? [`check: ${plan.checks.map((check) => check.name).join(', ')}`] : []),
    ...drain,
  ];
}

function seconds(ms: number): string {
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}
