import type { CredentialPlan } from '../core/plan.ts';
import type { Fingerprinter } from '../core/secret.ts';
import type { ApplicationCheck, KeyCheck, ReloadHook } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Lease, Ledger } from '../ports/ledger.ts';
import type { Log } from '../ports/log.ts';
import type { Queue } from '../ports/queue.ts';
import type { SecretStore } from '../ports/store.ts';

/** A place with its store opened. */
export interface Place {
  readonly id: string;
  readonly ofRecord: boolean;
  readonly store: SecretStore;
}

/** The plug-ins that one plan names, opened. */
export interface Plugins {
  readonly issuer: Issuer;
  readonly places: readonly Place[];
  readonly keyChecks: readonly KeyCheck[];
  readonly applicationChecks: readonly ApplicationCheck[];
  readonly hooks: readonly ReloadHook[];
}

/** What the engine needs of the rest of Keyturn; made once per worker by src/app. */
export interface Engine {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, 'wake' | 'wakeAll'>;
  /** Opens (or finds open) the plug-ins of a plan. Throws where a reference does not resolve. */
  readonly plugins: (plan: CredentialPlan) => Promise<Plugins>;
  readonly fingerprint: Fingerprinter;
  readonly log: Log;
  readonly clock: Clock;
  /** Unique per process. */
  readonly worker: string;
}

/** How long a lease lasts without renewal; each write renews it, and each effect right before it for as long as it may take. */
export const LEASE_MS = 30_000;
/** Added to an effect's bound when its lease is renewed: the write after it needs time too. */
export const LEASE_MARGIN_MS = 10_000;
/** The configuration allows no issuer or store a longer time-out; a debt waits this long where a former lease holder may still act. */
export const LONGEST_EFFECT_MS = 60_000;

/** One worker's turn at one rotation. `lease` is replaced as it is renewed and as commits change the rotation. */
export interface Turn {
  readonly engine: Engine;
  readonly plugins: Plugins;
  readonly signal: AbortSignal;
  lease: Lease;
  /** What is left of the lease for reading, milliseconds: what it was granted for, less the bounds of all that was done under it since. */
  leftMs: number;
}

/**
 * Runs one effect in the outside world: the lease is renewed right before it for as long as it may take, and the
 * effect is abandoned at its bound. Throws LEASE_LOST, before anything happened, when another worker took over.
 */
export async function bounded<T>(turn: Turn, boundMs: number, effect: (signal: AbortSignal) => Promise<T>): Promise<T> {
  await renew(turn, leaseFor(boundMs));
  return await spending(turn, boundMs, effect);
}

/**
 * Looks at the outside world, abandoned at its bound. Changes nothing there, so nobody has to be fenced off: the lease is
 * renewed only when it might not last, by the bounds of all that was done since and not by any clock of this process.
 */
export async function looking<T>(turn: Turn, boundMs: number, look: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (turn.leftMs < boundMs + LEASE_MARGIN_MS) await renew(turn, boundMs + LEASE_MS);
  return await spending(turn, boundMs, look);
}

/** Under the lease as it is: for an effect only right after a write that proved the lease and renewed it for that long (`leaseFor`). */
export async function spending<T>(turn: Turn, boundMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  turn.leftMs -= boundMs;
  return await act(within(turn.engine, boundMs, turn.signal));
}

/** How long a lease must last for an effect of that bound and the write after it, milliseconds. */
export function leaseFor(boundMs: number): number {
  return Math.max(LEASE_MS, boundMs + LEASE_MARGIN_MS);
}

async function renew(turn: Turn, ttlMs: number): Promise<void> {
  turn.lease = await turn.engine.ledger.renew(turn.lease, ttlMs);
  turn.leftMs = ttlMs;
}

/** Aborts with `signal`, and at the latest after `boundMs` milliseconds. */
export function within({ clock }: Pick<Engine, 'clock'>, boundMs: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, clock.timeout(boundMs)]);
}
