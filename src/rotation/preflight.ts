/** Everything that must be true before a rotation may create anything; also what `plan` and `doctor` report. */
import { describeError } from '../core/errors.ts';
import type { Problem } from '../core/evidence.ts';
import { adviceLine } from '../core/limit-advice.ts';
import type { CredentialPlan } from '../core/plan.ts';
import type { Secret } from '../core/secret.ts';
import type { KeyRecord, RevocationDebt } from '../core/vocabulary.ts';
import type { IssuedKey, Issuer, IssuerAccount, KeyProbe } from '../ports/issuer.ts';
import { within, type Engine, type Plugins } from './engine.ts';
import { findValue, placeFacts, printsFor, readPlaces, type ReadPlace } from './evidence.ts';

export interface ProofRequest {
  readonly plan: CredentialPlan;
  readonly oldKey: KeyRecord | null;
  /** Of the credential. */
  readonly openDebts: readonly RevocationDebt[];
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
  /** Ids of places that hold nothing. */
  readonly empty: readonly string[];
}

export async function prove(engine: Engine, plugins: Plugins, signal: AbortSignal, request: ProofRequest): Promise<Proof> {
  const debts = debtProblems(request);
  const [issuer, stores] = await Promise.all([
    askIssuer(engine, plugins, signal, request),
    readStores(engine, plugins, signal, request),
  ]);
  const current = await examineCurrent(engine, plugins, signal, request, issuer.keys, stores.reads);
  return {
    problems: [...debts, ...issuer.problems, ...slotProblems(issuer, request), ...stores.problems, ...current.problems],
    slots: issuer.account === null ? null : { liveKeys: issuer.account.liveKeys, limit: issuer.account.keyLimit },
    oldKeyAlive: current.alive,
    empty: stores.empty,
  };
}

function debtProblems({ openDebts, rotationId }: ProofRequest): readonly Problem[] {
  const debts = openDebts.filter((d) => d.rotationId === null || d.rotationId !== rotationId);
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

async function askIssuer(engine: Engine, { issuer }: Plugins, signal: AbortSignal, request: ProofRequest): Promise<IssuerAnswer> {
  if (!issuer.capabilities.list) {
    return { account: null, keys: null, problems: [{ code: 'issuer_cannot_list', message: `${issuer.name} cannot list keys, so a key minted in a crash could never be found again.`, todo: 'Rotate this credential by hand.' }] };
  }
  try {
    const bound = within(engine, issuer.capabilities.callTimeoutMs * 4, signal);
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
    todo: `${account.raiseLimit ?? 'Raise the limit'}, or revoke a key that nobody needs. Candidates: ${adviceLine(keys ?? [])}.`,
  }];
}

async function readStores(engine: Engine, plugins: Plugins, signal: AbortSignal, request: ProofRequest): Promise<{ reads: readonly ReadPlace[]; empty: readonly string[]; problems: readonly Problem[] }> {
  const [reads, probes] = await Promise.all([
    readPlaces(engine, plugins.places, signal),
    Promise.all(plugins.places.map((place) => probeProblems(engine, place.store, signal))),
  ]);
  const prints = await printsFor(engine, request.plan.credential, reads, null, request.oldKey);
  const facts = placeFacts(reads, prints, engine.fingerprint);
  const problems = facts.flatMap((fact, index): Problem[] => {
    // What probing found is why it cannot be read: once is enough.
    if (fact.serving === 'unreadable' && (probes[index] ?? []).length > 0) return [];
    if (fact.serving === 'unreadable') return [{ code: 'store_unreadable', message: `${fact.describe} cannot be read: ${fact.detail}`, todo: '' }];
    if (fact.serving !== 'foreign') return [];
    return [{
      code: 'unbound_value',
      message: `${fact.describe} serves a value that the ledger does not know, so replacing it would strand a key that nobody manages.`,
      todo: `Bind it with \`keyturn adopt ${request.plan.credential} --key-id <id>\`, or put the right key back with \`keyturn publish ${request.plan.credential}\`.`,
    }];
  });
  const empty = facts.filter((fact) => fact.serving === 'empty').map((fact) => fact.id);
  return { reads, empty, problems: [...probes.flat(), ...problems] };
}

async function probeProblems(engine: Engine, store: Plugins['places'][number]['store'], signal: AbortSignal): Promise<readonly Problem[]> {
  try {
    const problems = await store.probe(within(engine, store.callTimeoutMs, signal));
    return problems.filter((p) => p.fatal).map((p) => ({ code: 'store_problem', message: `${store.describe}: ${p.message}`, todo: '' }));
  } catch (error) {
    return [{ code: 'store_problem', message: `${store.describe}: ${describeError(error)}`, todo: '' }];
  }
}

interface Current {
  readonly alive: boolean | null;
  readonly problems: readonly Problem[];
}

/**
 * The current key works and is the one that the ledger says. It counts as gone only when the issuer neither lists it nor
 * accepts it: an admin key of another account lists nothing of ours either.
 */
async function examineCurrent(engine: Engine, { issuer }: Plugins, signal: AbortSignal, request: ProofRequest, keys: readonly IssuedKey[] | null, reads: readonly ReadPlace[]): Promise<Current> {
  const { oldKey, plan } = request;
  if (oldKey === null || keys === null) return { alive: null, problems: [] };
  if (!oldKey.proven) return { alive: null, problems: [unproven(plan, oldKey)] };
  const listed = keys.some((key) => key.id === oldKey.issuerKeyId && key.live);
  const value = findValue(reads, oldKey.fingerprint, engine.fingerprint);
  if (value === null) return { alive: listed, problems: [] };
  const probe = await probeOf(engine, issuer, value, signal);
  if (probe.works && listed) return { alive: true, problems: [] };
  if (!probe.works && probe.conclusive && !listed) return { alive: false, problems: [] };
  return { alive: null, problems: [currentProblem(plan, oldKey, probe, listed)] };
}

async function probeOf(engine: Engine, issuer: Issuer, value: Secret, signal: AbortSignal): Promise<KeyProbe> {
  try {
    return await issuer.probe(value, within(engine, issuer.capabilities.callTimeoutMs, signal));
  } catch (error) {
    return { works: false, conclusive: false, reason: describeError(error) };
  }
}

function unproven(plan: CredentialPlan, oldKey: KeyRecord): Problem {
  return {
    code: 'unproven',
    message: `Key ${oldKey.issuerKeyId} is declared as current, but no call has proved that the stored value is that key, so it could never be revoked safely.`,
    todo: `Prove it with \`keyturn adopt ${plan.credential} --key-id ${oldKey.issuerKeyId}\`.`,
  };
}

function currentProblem(plan: CredentialPlan, oldKey: KeyRecord, probe: KeyProbe, listed: boolean): Problem {
  if (probe.works) {
    return {
      code: 'not_listed',
      message: `The current key ${oldKey.issuerKeyId} works, but ${plan.issuer.name} does not list it: its admin key seems to belong to another account.`,
      todo: 'Give Keyturn an admin key of the account that the current key belongs to.',
    };
  }
  if (!probe.conclusive) return { code: 'issuer_unavailable', message: `The current key ${oldKey.issuerKeyId} could not be tried: ${probe.reason}`, todo: '' };
  const where = listed ? 'although the issuer lists it as live' : 'and the issuer does not list it';
  return { code: 'current_key_fails', message: `The current key ${oldKey.issuerKeyId} is refused (${probe.reason}), ${where}.`, todo: 'See `keyturn doctor`.' };
}
