/** Decorators: each port as one worker has it, with every call at the mercy of the fault plan. */
import { KeyturnError } from '../../../src/core/errors.ts';
import type { ApplicationCheck, CheckResult, ReloadHook } from '../../../src/ports/check.ts';
import type { Issuer } from '../../../src/ports/issuer.ts';
import type { SecretStore } from '../../../src/ports/store.ts';
import type { TrueIssuer } from '../world/issuer.ts';
import type { TruePlace } from '../world/store.ts';
import { call, ISSUER_CODES, STORE_CODES, type Line } from './call.ts';

export function unreliableIssuer(line: Line, issuer: Issuer, truth: TrueIssuer): Issuer {
  const over = <T>(name: string, signal: AbortSignal, act: (latenessMs: number) => T): Promise<T> =>
    call(line, { name: `issuer.${name}`, target: 'issuer', codes: ISSUER_CODES, signal, act });
  return {
    ...issuer,
    inspect: (signal) => over('inspect', signal, () => truth.inspect()),
    list: (signal) => over('list', signal, () => truth.list()),
    create: (request, signal) => over('create', signal, () => truth.create(request)),
    revoke: (id, signal) => over('revoke', signal, (latenessMs) => truth.revoke(id, latenessMs)),
    probe: (value, signal) =>
      over('probe', signal, () => truth.use(value, 'keyturn', null)).catch((error: unknown) => ({ works: false, reason: String(error), conclusive: false })),
    prove: (value, id, signal) =>
      over('prove', signal, () => (truth.use(value, 'keyturn', null).works && truth.keyOf(value)?.id === id ? 'proven' as const : 'refuted' as const)).catch(() => 'unknown' as const),
  };
}

export function unreliableStore(line: Line, store: SecretStore, truth: TruePlace, staleFor: () => number): SecretStore {
  const over = <T>(name: string, signal: AbortSignal, act: (latenessMs: number) => T): Promise<T> =>
    call(line, { name: `store.${name}`, target: truth.id, codes: STORE_CODES, signal, act });
  return {
    ...store,
    probe: (signal) => over('probe', signal, () => []),
    read: (signal) => over('read', signal, () => truth.read()),
    stage: (attempt, value, signal) => over('stage', signal, () => truth.stage(attempt, value)),
    promote: (request, signal) =>
      over('promote', signal, (latenessMs) => {
        const stale = staleFor();
        if (stale > 0) {
          truth.serveStaleUntil(line.sim.now + stale);
          line.sim.at(line.sim.now + stale, () => truth.caughtUp());
        }
        truth.promote(request, latenessMs);
      }),
    retire: (select, why, signal) => over('retire', signal, () => truth.retire(select, why)),
  };
}

/** Green while the place serves a key that works; red where the plan says so. */
export function unreliableCheck(line: Line, name: string, place: TruePlace, issuer: TrueIssuer): ApplicationCheck {
  const look = async (signal: AbortSignal): Promise<CheckResult> => {
    try {
      return await call(line, { name: 'check.run', target: 'application', codes: ISSUER_CODES, signal, act: () => judged(place, issuer) });
    } catch (error) {
      return { ok: false, detail: String(error), tookMs: 0 };
    }
  };
  return { name, type: 'model', run: (_subject, signal) => look(signal), probe: look };
}

function judged(place: TruePlace, issuer: TrueIssuer): CheckResult {
  const key = place.served === null ? null : issuer.keyOf(place.served);
  const ok = key !== null && key.revokedAt === null;
  return { ok, detail: ok ? 'the application works' : 'the application is locked out', tookMs: 1 };
}

export function unreliableHook(line: Line, name: string, told: () => void): ReloadHook {
  return {
    name, type: 'model',
    run: async (_event, signal) => {
      try {
        await call(line, { name: 'hook.run', target: 'application', codes: ISSUER_CODES, signal, act: told });
      } catch (error) {
        throw new KeyturnError('HOOK_FAILED', `The hook failed: ${String(error)}`);
      }
    },
    probe: async () => ({ ok: true, detail: '', tookMs: 0 }),
  };
}

const away = (): KeyturnError => new KeyturnError('LEDGER_UNREACHABLE', 'The ledger does not answer.');

/** A part of the ledger over a connection: a call can be refused, and its answer can be lost after it was committed. */
export function unreliableLedger<Part extends object>({ sim, process, faults }: Line, part: Part, called: 'ledger' | 'leaks'): Part {
  const members = Object.entries(part).map(([name, member]: [string, unknown]) => {
    if (typeof member !== 'function') return [name, member];
    const over = async (...given: unknown[]): Promise<unknown> => {
      const fault = faults.next(`${called}.${name}`, 'ledger');
      return await sim.step(process, `${called}.${name}`, sim.random.between(0, 3), async () => {
        if (fault.lands === 'never') throw away();
        const value = await (member as (...given: unknown[]) => Promise<unknown>)(...given);
        if (fault.hears === 'outcome' || fault.hears === 'outcome-late') return value;
        throw away();
      });
    };
    return [name, over];
  });
  return Object.fromEntries(members) as Part;
}
