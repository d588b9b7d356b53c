import { KeyturnError } from '../../../src/core/errors.ts';
import { takeoverText } from '../../../src/core/takeover.ts';
import type { RotationKind, RotationState } from '../../../src/core/vocabulary.ts';
import type { Change, Lease, Ledger, NewRotation, Rotation } from '../../../src/ports/ledger.ts';
import { commit, holds, leaseLost } from './commit.ts';
import { request } from './request.ts';
import { inOrder, maybe, pageOf, toRotation, toTransition } from './rows.ts';
import { situationOf } from './situation.ts';
import { leaseFree, type State } from './state.ts';
import { NO_LEASE, type RotationRow } from './tables.ts';
import { recordRemark } from './transitions.ts';

const ID_OR_PREFIX = /^[0-9A-Z]{1,26}$/;
const MAX_HISTORY = 10_000;

export function rotationMethods(state: State) {
  return {
    request: (rotation: NewRotation) => request(state, rotation),
    rotation: (idOrPrefix: string) => byIdOrPrefix(state, idOrPrefix.toUpperCase()),
    openRotation: (credential: string) => {
      const row = state.by.openRotation.one(credential);
      return row === undefined ? null : toRotation(row);
    },
    rotations: (...[{ credential, open }, page]: Parameters<Ledger['rotations']>) => {
      const rows = credential === undefined ? state.rotations.all() : state.by.rotationsOfCredential.of(credential);
      return pageOf(rows.filter((row) => open === undefined || (row.finishedAt === null) === open), page).map(toRotation);
    },
    history: (rotationId: string) =>
      state.by.transitionsOf.of(rotationId).sort((a, b) => a.seq - b.seq).slice(0, MAX_HISTORY).map(toTransition),
    wakeable: (limit: number, kind?: RotationKind) => wakeable(state, kind).slice(0, limit),
    lease: (rotationId: string, worker: string, ttlMs: number) => lease(state, rotationId, worker, ttlMs),
    renew: (held: Lease, ttlMs: number) => renew(state, held, ttlMs),
    commit: (held: Lease, expectState: RotationState, change: Change) => commit(state, held, expectState, change),
    release: (held: Lease) => {
      const row = state.rotations.get(held.rotation.id);
      if (row?.epoch === held.epoch && row.worker === held.worker) state.rotations.put({ ...row, ...NO_LEASE, leasedAt: null });
    },
  };
}

function byIdOrPrefix(state: State, prefix: string): Rotation | null {
  if (!ID_OR_PREFIX.test(prefix)) return null;
  const exact = state.rotations.get(prefix);
  if (exact !== undefined) return toRotation(exact);
  const [row, another] = state.rotations.all().filter(({ id }) => id.startsWith(prefix));
  if (row === undefined) return null;
  if (another === undefined) return toRotation(row);
  throw new KeyturnError('USAGE', `More than one rotation begins with ${prefix}.`, { todo: 'Give more of its id.', effect: 'none' });
}

/** Emergencies first, then those that waited longest. */
function wakeable(state: State, kind: RotationKind | undefined): readonly string[] {
  const now = state.now();
  const ready = state.by.openRotations.of('open').filter((row) => row.wakeAt !== null && row.wakeAt <= now && leaseFree(state, row) && (kind ?? row.kind) === row.kind);
  const emergencies = inOrder(ready.filter(isEmergency), wakeOf, idOf);
  return [...emergencies, ...inOrder(ready.filter((row) => !isEmergency(row)), wakeOf, idOf)].map(idOf);
}

const isEmergency = (row: RotationRow): boolean => row.kind === 'emergency';
const wakeOf = (row: RotationRow): number => row.wakeAt ?? 0;
const idOf = (row: RotationRow): string => row.id;

function lease(state: State, rotationId: string, worker: string, ttlMs: number): Lease | null {
  const free = state.rotations.get(rotationId);
  if (free === undefined || free.finishedAt !== null || !leaseFree(state, free)) return null;
  const [epoch, leaseUntil] = [free.epoch + 1, state.now() + ttlMs];
  const row = state.rotations.put({ ...free, epoch, worker, leaseUntil, leasedAt: state.now() });
  if (free.worker !== null) {
    const by = { worker, actor: { who: `worker:${worker}`, why: `${free.worker} did not give its lease back` } };
    recordRemark(state, row, { reason: 'taken_over', message: takeoverText({ former: { worker: free.worker, epoch: free.epoch, leasedAt: maybe(free.leasedAt), leaseUntil: maybe(free.leaseUntil) }, worker, epoch, at: maybe(state.now()) }), by });
  }
  return { rotation: toRotation(row), situation: situationOf(state, row), epoch, worker, expiresAt: new Date(leaseUntil), takenOver: free.worker !== null };
}

function renew(state: State, held: Lease, ttlMs: number): Lease {
  const row = state.rotations.get(held.rotation.id);
  if (row === undefined || row.finishedAt !== null || !holds(state, row, held)) throw leaseLost(held);
  const leaseUntil = state.now() + ttlMs;
  return { ...held, rotation: toRotation(state.rotations.put({ ...row, leaseUntil })), expiresAt: new Date(leaseUntil) };
}
