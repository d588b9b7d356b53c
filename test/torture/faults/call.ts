/** One call over an unreliable line: sent, landed, answered, each at a time of its own, each a place to die at. */
import { KeyturnError, type ErrorCode } from '../../../src/core/errors.ts';
import type { Process } from '../sim/process.ts';
import type { Simulation } from '../sim/simulation.ts';
import type { FaultPlan, Planned } from './plan.ts';

/** What a worker's calls to the outside go through. */
export interface Line {
  readonly sim: Simulation;
  readonly process: Process;
  readonly faults: FaultPlan;
}

interface Codes {
  readonly busy: ErrorCode;
  readonly unavailable: ErrorCode;
  readonly badAnswer: ErrorCode;
}

export const ISSUER_CODES: Codes = { busy: 'ISSUER_RATE_LIMITED', unavailable: 'ISSUER_UNAVAILABLE', badAnswer: 'ISSUER_BAD_ANSWER' };
export const STORE_CODES: Codes = { busy: 'STORE_UNAVAILABLE', unavailable: 'STORE_UNAVAILABLE', badAnswer: 'STORE_UNAVAILABLE' };

export interface Call<T> {
  readonly name: string;
  readonly target: string;
  readonly codes: Codes;
  readonly signal: AbortSignal;
  /** `latenessMs`: how long ago the process could last be sure that it may do this. */
  readonly act: (latenessMs: number) => T;
}

const OWN_BOUND_MS = 10_000;
/** A sleep that ended longer ago than any call may take has nothing to do with this one. */
const WOKE_WITHIN_MS = 30_000;

export async function call<T>(line: Line, { name, target, codes, signal, act }: Call<T>): Promise<T> {
  const { sim, process, faults } = line;
  const outcome = Promise.withResolvers<() => T>();
  outcome.promise.catch(() => undefined); // nobody may be waiting: the process may be dead
  // A port bounds its calls by itself too.
  sim.after(process, OWN_BOUND_MS, () => giveUp());
  const giveUp = (): void => outcome.reject(new KeyturnError(codes.unavailable, `${name} was not answered in time.`, { effect: 'unknown' }));
  if (signal.aborted) giveUp();
  else {
    signal.addEventListener('abort', giveUp, { once: true });
    await sim.step(process, name, sim.random.between(1, 40), () => send(line, faults.next(name, target), process.wokeFrom(WOKE_WITHIN_MS)));
  }
  const answer = await outcome.promise;
  signal.removeEventListener('abort', giveUp);
  return await sim.step(process, `${name}.answer`, 0, answer);

  function send({ sim, process }: Line, fault: Planned, frozenMs: number): void {
    const travel = sim.random.between(1, 60);
    const landsIn = fault.lands === 'late' ? Math.max(travel, fault.ms) : travel;
    const latenessMs = frozenMs + (fault.lands === 'late' ? fault.ms : 0);
    sim.at(sim.now + landsIn, () => {
      const landed = fault.lands === 'never' ? (): T => { throw new Error('it never landed'); } : attempt(() => act(latenessMs));
      if (fault.hears === 'silence') return;
      const answer = heard(fault, landed);
      sim.after(process, fault.hears === 'outcome-late' ? fault.ms : sim.random.between(1, 60), () => outcome.resolve(answer));
    });
  }

  function heard(fault: Planned, landed: () => T): () => T {
    switch (fault.hears) {
      case 'busy':
        return failing(codes.busy, `${name} asks to come back later.`, { effect: 'none', ...(fault.ms === 0 ? {} : { retryAfterMs: fault.ms }) });
      case 'error':
        return failing(codes.unavailable, `${name} answered with an error of its own.`, { effect: 'unknown' });
      case 'bad-answer':
        return failing(codes.badAnswer, `${name} answered something else.`, { effect: 'unknown' });
      case 'unreachable':
        return failing(codes.unavailable, `${name} could not be connected to.`, { effect: 'none' });
      case 'outcome':
      case 'outcome-late':
      case 'silence':
        return landed;
    }
  }
}

/** What answers with an error. */
function failing(code: ErrorCode, sentence: string, more: { readonly effect: 'none' | 'unknown'; readonly retryAfterMs?: number }): () => never {
  return () => { throw new KeyturnError(code, sentence, more); };
}

function attempt<T>(act: () => T): () => T {
  try {
    const value = act();
    return () => value;
  } catch (error) {
    return () => { throw error; };
  }
}
