import type { PlannedCredential } from '../../../src/core/plan.ts';
import { revocationOf } from '../../../src/core/revocation.ts';
import type { DeclaredFilter, Ledger, Retired } from '../../../src/ports/ledger.ts';
import { newest } from './due.ts';
import { frozenCopy } from './json.ts';
import { bounded, inOrder, toCredential } from './rows.ts';
import type { State } from './state.ts';
import type { CredentialRow } from './tables.ts';

type Declared = Parameters<Ledger['declare']>[0];

export function credentialMethods(state: State) {
  return {
    declare: (credentials: Declared) => declare(state, credentials),
    credential: (name: string) => {
      const row = state.credentials.get(name);
      return row === undefined ? null : toCredential(row);
    },
    credentials: (only?: readonly string[]) => {
      const chosen = state.credentials.all().filter(({ name }) => only === undefined || only.includes(name));
      return inOrder(chosen, () => 0, (row) => row.name).map(toCredential);
    },
    declaredCredentials: ({ issuer, owner, withKey }: DeclaredFilter, { limit, after }: { readonly limit: number; readonly after?: string }) => {
      const chosen = state.credentials.all().filter((row) => row.declared && row.issuer === (issuer ?? row.issuer) && row.owner === (owner ?? row.owner) && (withKey !== true || row.currentKeyId !== null) && (after === undefined || row.name > after));
      return inOrder(chosen, () => 0, (row) => row.name).slice(0, bounded({ limit })).map(toCredential);
    },
    issuers: () => [...new Set(state.credentials.all().map(({ issuer }) => issuer))].sort(),
    retired: (only?: readonly string[]) => inOrder(state.credentials.all().filter(({ name }) => only === undefined || only.includes(name)), () => 0, (row) => row.name).flatMap((row) => retiredOf(state, row)),
    setDue: (name: string, dueAt: Date | null) => {
      const row = state.credentials.get(name);
      if (row !== undefined) state.credentials.put({ ...row, dueAt: dueAt?.getTime() ?? Infinity });
    },
  };
}

/** A credential that is new, came back or changed has no due instant until somebody computes it again. */
function declare(state: State, planned: Declared): void {
  const credentials = [...planned].flatMap((text) => JSON.parse(text) as PlannedCredential[]);
  const declared = new Set(credentials.map(({ plan }) => plan.credential));
  if (declared.size < credentials.length) throw new Error('a credential is declared twice');
  for (const { plan, revision } of credentials) upsert(state, frozenCopy(plan), revision);
  for (const row of state.credentials.all()) {
    if (row.declared && !declared.has(row.name)) state.credentials.put({ ...row, declared: false });
  }
}

function upsert(state: State, plan: CredentialRow['plan'], revision: string): void {
  const { credential: name, owner, issuer } = plan;
  const facts = { name, owner, issuer: issuer.name, revision, plan, declared: true };
  const before = state.credentials.get(name);
  if (before === undefined) {
    state.credentials.put({ ...facts, currentKeyId: null, dueAt: -Infinity, firstSeenAt: state.now(), lastRotatedAt: null });
    return;
  }
  const same = before.declared && before.revision === revision;
  state.credentials.put({ ...before, ...facts, dueAt: same ? before.dueAt : -Infinity });
}

/** Its newest rotation is an emergency that was to create nothing and left no key, and nobody has brought one since. */
function retiredOf(state: State, { name, currentKeyId }: CredentialRow): readonly Retired[] {
  const last = newest(state, name);
  if (currentKeyId !== null || last === undefined || last.kind !== 'emergency' || last.finishedAt === null || last.newKeyId !== null) return [];
  if (revocationOf(last.asked).replace || state.by.keysOfCredential.of(name).some(({ id }) => id > last.id)) return [];
  return [{ credential: name, rotationId: last.id, actor: last.actor, since: new Date(last.finishedAt) }];
}
