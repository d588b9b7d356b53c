import type { DueCredential, DueOutcome, DueRequest, Ledger } from '../../../src/ports/ledger.ts';
import { frozenCopy } from './json.ts';
import { insert } from './request.ts';
import { inOrder, maybe, toCredential } from './rows.ts';
import { words, type State } from './state.ts';
import type { CredentialRow, RotationRow } from './tables.ts';

export function dueMethods(state: State) {
  return {
    dueCredentials: (limit: number) => {
      const due = state.credentials.all().filter((row) => isDue(state, row) && state.by.openRotation.one(row.name) === undefined);
      return inOrder(due, (row) => row.dueAt, (row) => row.name).slice(0, limit).map((row) => toDue(state, row));
    },
    requestDue: (requests: readonly DueRequest[]) => requests.map((asked) => requestDue(state, asked)),
    redate: (dates: Parameters<Ledger['redate']>[0]) => {
      for (const { due, dueAt } of dates) {
        const row = state.credentials.get(due.name);
        const seen = due.dueAt?.getTime() ?? -Infinity;
        if (row?.revision === due.revision && row.dueAt === seen) state.credentials.put({ ...row, dueAt: dueAt?.getTime() ?? Infinity });
      }
    },
  };
}

function toDue(state: State, row: CredentialRow): DueCredential {
  const key = state.keys.get(row.currentKeyId ?? '');
  const last = newest(state, row.name);
  return {
    ...toCredential(row),
    currentKey: key === undefined ? null : { createdAt: new Date(key.createdAt) },
    last: last === undefined ? null : { id: last.id, state: last.state, createdAt: new Date(last.createdAt), finishedAt: maybe(last.finishedAt), renewed: last.state === 'done' && state.keys.get(last.newKeyId ?? '')?.rotationId === last.id },
    asOf: new Date(state.now()),
  };
}

export function newest(state: State, credential: string): RotationRow | undefined {
  return inOrder(state.by.rotationsOfCredential.of(credential), () => 0, (row) => row.id).at(-1);
}

function requestDue(state: State, { due, actor, occurrence }: DueRequest): DueOutcome {
  if (state.by.openRotation.one(due.name) !== undefined) return { outcome: 'open' };
  const row = state.credentials.get(due.name);
  if (row === undefined || !isDue(state, row) || row.revision !== due.revision) return { outcome: 'changed' };
  if (row.currentKeyId !== due.currentKeyId || newest(state, due.name)?.id !== due.last?.id) return { outcome: 'changed' };
  const answered = state.by.rotationsOfCredential.of(due.name).some((one) => one.occurrence === occurrence.getTime());
  if (answered) return { outcome: 'answered' };
  const { plan, currentKeyId: oldKeyId } = row;
  const { id } = insert(state, { credential: due.name, kind: 'scheduled', path: plan.policy.strategy, plan, actor: frozenCopy(actor), occurrence, oldKeyId });
  return { outcome: 'created', rotationId: id };
}

function isDue(state: State, row: CredentialRow): boolean {
  return row.declared && row.dueAt <= state.now() && !isPaused(state, row);
}

function isPaused(state: State, { name, issuer }: CredentialRow): boolean {
  const scopes = [words('all', ''), words('issuer', issuer), words('credential', name)];
  return scopes.some((scope) => state.pauses.get(scope) !== undefined);
}
