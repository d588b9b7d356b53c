/** Everything that must be true before a rotation may create anything; also what `plan` and `doctor` report. */
import { describeError } from '../core/errors.ts';
import type { Problem } from '../core/evidence.ts';
import { limitAdvice } from '../core/limit-advice.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { IssuedKey, IssuerAccount } from '../ports/issuer.ts';
import type { Engine, Plugins } from './engine.ts';
import { findValue, knownPrints, placeFacts, readPlaces, type ReadPlace } from './evidence.ts';

export interface ProofRequest {
  readonly plan: CredentialPlan;
  readonly oldKey: KeyRecord | null;
  /** Debts of this rotation do not stand in its own way; null outside a rotation. */
  readonly rotationId: string | null;
  /** The old key is gone already: only what the replacement needs is asked. */
  readonly forwardOnly: boolean;
}

export interface Proof {
  readonly problems: readonly Problem[];
  readonly slots: { readonly liveKeys: number; readonly limit: number | null } | null;
  /** Null when unknown or when there is no old key. */
  readonly oldKeyAlive: boolean | null;
}

export async function prove(engine: Engine, plugins: Plugins, signal: AbortSignal, request: ProofRequest): Promise<Proof> {
  const [debts, issuer, stores] = await Promise.all([
    debtProblems(engine, request),
    askIssuer(plugins, signal, request),
    readStores(engine, plugins, signal, request),
  ]);
  const oldKeyAlive = aliveIn(issuer.keys, request.oldKey);
  const key = oldKeyAlive === true ? await keyProblems(engine, plugins, signal, request, stores.reads) : [];
  return {
    problems: [...debts, ...issuer.problems, ...slotProblems(issuer, request), ...stores.problems, ...key],
    slots: issuer.account === null ? null : { liveKeys: issuer.account.liveKeys, limit: issuer.account.keyLimit },
    oldKeyAlive,
  };
}

function aliveIn(keys: readonly IssuedKey[] | null, oldKey: KeyRecord | null): boolean | null {
  if (keys === null || oldKey === null) return null;
  return keys.some((key) => key.id === oldKey.issuerKeyId && key.live);
}

async function debtProblems(engine: Engine, { plan, rotationId }: ProofRequest): Promise<readonly Problem[]> {
  const debts = (await engine.ledger.openDebts({ credential: plan.credential })).filter((d) => d.rotationId === null || d.rotationId !== rotationId);
  return debts.slice(0, 1).map((debt) => ({
    code: 'debt_open',
    message: `Key ${debt.issuerKeyId} of this credential should be revoked and is not${debt.lastError === null ? '' : ` (${debt.lastError})`}.`,
    todo: 'Keyturn keeps trying; if the issuer refuses, revoke it there by hand.',
  }));
}

interface IssuerAnswer {
  readonly account: IssuerAccount | null;
  readonly keys: readonly IssuedKey[] | null;
  readonly problems: readonly Problem[];
}

async function askIssuer({ issuer }: Plugins, signal: AbortSignal, request: ProofRequest): Promise<IssuerAnswer> {
  if (!issuer.capabilities.list) {
    return { account: null, keys: null, problems: [{ code: 'issuer_cannot_list', message: `${issuer.name} cannot list keys, so a key minted in a crash could never be found again.`, todo: 'Rotate this credential by hand.' }] };
  }
  try {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(issuer.capabilities.callTimeoutMs * 4)]);
    const [account, keys] = await Promise.all([issuer.inspect(bound), request.oldKey === null && request.forwardOnly ? null : issuer.list(bound)]);
    return { account, keys, problems: account.problems.map((message) => ({ code: 'issuer_problem', message, todo: '' })) };
  } catch (error) {
    return { account: null, keys: null, problems: [{ code: 'issuer_unavailable', message: `${issuer.name} cannot be asked: ${describeError(error)}`, todo: '' }] };
  }
}

/** Nothing is deleted to make room (promise 4): at the limit the rotation stops before creating anything. */
function slotProblems({ account, keys }: IssuerAnswer, { plan, oldKey }: ProofRequest): readonly Problem[] {
  if (account === null || account.keyLimit === null) return [];
  const freed = plan.policy.strategy === 'replace' && oldKey !== null ? 1 : 0;
  if (account.liveKeys - freed < account.keyLimit) return [];
  const replace = account.keyLimit === 1 ? ' With one key only, and that one held by the admin key, not even strategy: replace can work.' : '';
  return [{
    code: 'key_limit',
    message: `${plan.issuer.name} allows ${account.keyLimit} live key(s) and has ${account.liveKeys}: there is no room for a new one.${replace}`,
    todo: limitAdvice(keys ?? []),
  }];
}

async function readStores(engine: Engine, plugins: Plugins, signal: AbortSignal, request: ProofRequest): Promise<{ reads: readonly ReadPlace[]; problems: readonly Problem[] }> {
  const [reads, probes, keys] = await Promise.all([
    readPlaces(plugins.places, signal),
    Promise.all(plugins.places.map((place) => probeProblems(place.store, signal))),
    engine.ledger.keysOf(request.plan.credential),
  ]);
  const prints = knownPrints(null, request.oldKey, keys);
  const problems = placeFacts(reads, prints, engine.fingerprint).flatMap((fact): Problem[] => {
    if (fact.serving === 'unreadable') return [{ code: 'store_unreadable', message: `${fact.describe} cannot be read: ${fact.detail}`, todo: '' }];
    if (fact.serving !== 'foreign') return [];
    return [{
      code: 'unbound_value',
      message: `${fact.describe} serves a value that the ledger does not know, so replacing it would strand a key that nobody manages.`,
      todo: `Bind it with \`keyturn adopt ${request.plan.credential} --key-id <id>\`, or put the right key back with \`keyturn publish ${request.plan.credential}\`.`,
    }];
  });
  return { reads, problems: [...probes.flat(), ...problems] };
}

async function probeProblems(store: Plugins['places'][number]['store'], signal: AbortSignal): Promise<readonly Problem[]> {
  try {
    const problems = await store.probe(AbortSignal.any([signal, AbortSignal.timeout(store.callTimeoutMs)]));
    return problems.filter((p) => p.fatal).map((p) => ({ code: 'store_problem', message: `${store.describe}: ${p.message}`, todo: '' }));
  } catch (error) {
    return [{ code: 'store_problem', message: `${store.describe}: ${describeError(error)}`, todo: '' }];
  }
}

/** The current key works and is the one that the ledger says. */
async function keyProblems(engine: Engine, { issuer }: Plugins, signal: AbortSignal, { plan, oldKey }: ProofRequest, reads: readonly ReadPlace[]): Promise<readonly Problem[]> {
  if (oldKey === null) return [];
  if (!oldKey.proven) {
    return [{
      code: 'unproven',
      message: `Key ${oldKey.issuerKeyId} is declared as current, but no call has proved that the stored value is that key, so it could never be revoked safely.`,
      todo: `Prove it with \`keyturn adopt ${plan.credential} --key-id ${oldKey.issuerKeyId}\`.`,
    }];
  }
  const value = findValue(reads, oldKey.fingerprint, engine.fingerprint);
  if (value === null) return [];
  try {
    const probe = await issuer.probe(value, AbortSignal.any([signal, AbortSignal.timeout(issuer.capabilities.callTimeoutMs)]));
    if (probe.works) return [];
    return [{ code: probe.conclusive ? 'current_key_fails' : 'issuer_unavailable', message: `The current key ${oldKey.issuerKeyId} does not work: ${probe.reason}`, todo: probe.conclusive ? 'See `keyturn doctor`.' : '' }];
  } catch (error) {
    return [{ code: 'issuer_unavailable', message: `The current key could not be tried: ${describeError(error)}`, todo: '' }];
  }
}
