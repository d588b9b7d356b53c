/** What is not in order: found without changing anything, and settled one by one, each looked at again right before. */
import { describeError, KeyturnError } from '../../core/errors.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { Engine } from '../engine.ts';
import { DISORDER_KINDS, failed, leftAlone, type Disorder, type DisorderKind, type Finder, type Outcome } from './disorder.ts';
import { findDrift } from './drift.ts';
import { findLostKeys } from './lost-keys.ts';
import { findOrphans } from './orphans.ts';
import { findOverdueDebts } from './overdue-debts.ts';
import { findEndingWatches, findWaiting } from './waiting.ts';

export type { Disorder, Outcome } from './disorder.ts';

const FINDERS: Readonly<Record<DisorderKind, Finder>> = {
  orphan: findOrphans, lost: findLostKeys, debt: findOverdueDebts, drift: findDrift, rotation: findWaiting, watch: findEndingWatches,
};

export interface Found {
  /** Names this disorder whenever it is looked for. */
  readonly id: string;
  readonly disorder: Disorder;
}

/** Every disorder of the declared credentials, by kind. */
export async function findDisorders(engine: Engine, records: readonly CredentialRecord[], signal: AbortSignal): Promise<readonly Found[]> {
  const found = await Promise.all(DISORDER_KINDS.map((kind) => find(engine, kind, records, signal)));
  return found.flat();
}

async function find(engine: Engine, kind: DisorderKind, records: readonly CredentialRecord[], signal: AbortSignal): Promise<readonly Found[]> {
  const disorders = await FINDERS[kind](engine, records, signal);
  return disorders.map((disorder) => ({ id: [kind, disorder.scope, disorder.what].map(encodeURIComponent).join('/'), disorder }));
}

const ID = new RegExp(`^(?:${DISORDER_KINDS.join('|')})/[^/]+/[^/]+$`);

/** Throws UNKNOWN_NAME for what is no id of a disorder. */
export function requireDisorderId(id: string): void {
  if (ID.test(id) && !/%(?![0-9A-F]{2})/.test(id)) return;
  throw new KeyturnError('UNKNOWN_NAME', `There is no finding ${id}.`, { effect: 'none', todo: '`keyturn doctor --json` shows the id of each.' });
}

export type Settled = Omit<Outcome, 'outcome'> & { readonly id: string; readonly outcome: Outcome['outcome'] | 'in_order' };

/**
 * Settles one disorder by its id. What was seen when it was shown counts for nothing: it is looked for anew, and what is in
 * order by then, or must be left alone by then, is not touched. Any number of times, the same.
 */
export async function settleDisorder(engine: Engine, records: readonly CredentialRecord[], id: string, actor: Actor, signal: AbortSignal): Promise<Settled> {
  const kind = DISORDER_KINDS.find((one) => id.startsWith(`${one}/`));
  const found = kind === undefined ? [] : await find(engine, kind, inScope(records, id), signal);
  const disorder = found.find((one) => one.id === id)?.disorder;
  if (disorder === undefined) return { id, outcome: 'in_order', detail: 'nothing of it is found any more' };
  const outcome = disorder.settle === null ? leftAlone(disorder.leftAlone ?? 'it is for a person') : await acted(disorder.settle.act(actor, signal));
  await engine.ledger.audit({ type: 'doctor.settled', actor, credential: null, rotationId: null, keyId: null, detail: { id, name: disorder.name, ...outcome } });
  engine.log.info({ id, ...outcome }, 'a disorder was dealt with');
  return { id, ...outcome };
}

/** The others of the same issuer are needed beside the one that is meant: whose an orphan is shows by comparison. */
function inScope(records: readonly CredentialRecord[], id: string): readonly CredentialRecord[] {
  const scope = decodeURIComponent(id.split('/')[1] ?? '');
  const issuer = records.find((record) => record.name === scope)?.issuer ?? scope;
  return records.filter((record) => record.issuer === issuer);
}

async function acted(act: Promise<Outcome>): Promise<Outcome> {
  try {
    return await act;
  } catch (error) {
    return failed(describeError(error));
  }
}
