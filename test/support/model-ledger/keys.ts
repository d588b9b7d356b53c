import { KeyturnError } from '../../../src/core/errors.ts';
import type { Actor } from '../../../src/core/vocabulary.ts';
import type { Change, NewKey } from '../../../src/ports/ledger.ts';
import { appendAudit } from './audit.ts';
import { frozenCopy } from './json.ts';
import { toKey } from './rows.ts';
import { words, type State } from './state.ts';
import type { Json, KeyRow } from './tables.ts';

const MAX_KEYS = 10_000;

export function keyMethods(state: State) {
  return {
    key: (id: string) => {
      const row = state.keys.get(id);
      return row === undefined ? null : toKey(row);
    },
    keys: (ids: readonly string[]) => ids.flatMap((id) => state.keys.get(id) ?? []).map(toKey),
    keysNamed: (id: string) => state.keys.all().filter((row) => row.id === id || row.issuerKeyId === id).sort((a, b) => (a.issuer < b.issuer ? -1 : 1)).map(toKey),
    keysOf: (credential: string) => listed(state.by.keysOfCredential.of(credential)),
    keysOfIssuer: (issuer: string) => listed(state.by.keysOfIssuer.of(issuer)),
    adopt: (key: NewKey, actor: Actor, detail: Json) => toKey(adopt(state, key, actor, detail)),
    markKey: (keyId: string, to: 'lost' | 'revoked', actor: Actor, why: string) => mark(state, keyId, to, actor, why),
  };
}

function isDead({ state }: KeyRow): boolean {
  return state === 'revoked' || state === 'lost';
}

/** Living keys first, then the newest. */
function listed(rows: KeyRow[]) {
  const newest = rows.sort((a, b) => (a.id < b.id ? 1 : -1));
  return [...newest.filter((row) => !isDead(row)), ...newest.filter(isDead)].slice(0, MAX_KEYS).map(toKey);
}

/** Records a key, or brings its record up to date. Throws BLOCKED when the issuer's key belongs to another credential. */
export function upsertKey(state: State, key: NewKey): KeyRow {
  const { credential, issuer, issuerKeyId, rotationId, name, prefix, fingerprint, state: keyState, proven } = key;
  const facts = { name, prefix, fingerprint, scopes: frozenCopy(key.scopes), state: keyState, proven };
  const before = state.by.keyAtIssuer.one(words(issuer, issuerKeyId));
  if (before === undefined) {
    const createdAt = key.createdAt?.getTime() ?? state.now();
    return state.keys.put({ id: state.newId(), credential, issuer, issuerKeyId, rotationId, createdAt, revokedAt: null, ...facts });
  }
  if (before.credential === credential) return state.keys.put({ ...before, ...facts });
  throw new KeyturnError('BLOCKED', `The key ${issuerKeyId} of ${issuer} already belongs to another credential: two cannot share one.`, {
    todo: 'Declare a key of its own for each credential.',
    effect: 'none',
  });
}

/** Applies key states of a change and keeps the credentials' current keys with them; a credential that is left without one is due at once. */
export function setKeyStates(state: State, states: NonNullable<Change['keyStates']>): void {
  const before = new Map(states.flatMap(({ keyId }) => state.credentials.get(state.keys.get(keyId)?.credential ?? '') ?? []).map((row) => [row.name, row.dueAt]));
  for (const { keyId, state: to, proven } of states) {
    const row = state.keys.get(keyId);
    if (row === undefined) throw new KeyturnError('INTERNAL', `There is no key ${keyId} whose state could become ${to}.`, { effect: 'none' });
    const known = { ...row, proven: proven ?? row.proven };
    if (to === 'revoked' || to === 'lost') bury(state, known, to);
    else state.keys.put({ ...known, state: to });
    if (to === 'current') bindCurrent(state, row.credential, keyId);
  }
  for (const [name, dueAt] of before) {
    const row = state.credentials.get(name);
    if (row !== undefined && row.currentKeyId !== null) state.credentials.put({ ...row, dueAt });
  }
}

export function bindCurrent(state: State, credential: string, keyId: string): void {
  const row = state.credentials.get(credential);
  if (row !== undefined) state.credentials.put({ ...row, currentKeyId: keyId });
}

/** The key is dead from now on, and no longer anybody's current one. */
function bury(state: State, key: KeyRow, to: 'revoked' | 'lost'): void {
  state.keys.put({ ...key, state: to, revokedAt: state.now() });
  const row = state.credentials.get(key.credential);
  if (row?.currentKeyId === key.id) state.credentials.put({ ...row, currentKeyId: null, dueAt: -Infinity });
}

/** Records that a key is dead at its issuer; answers its id when the ledger knows it. */
export function killKey(state: State, issuer: string, issuerKeyId: string, to: 'revoked' | 'lost'): string | null {
  const row = state.by.keyAtIssuer.one(words(issuer, issuerKeyId));
  if (row === undefined) return null;
  bury(state, row, to);
  return row.id;
}

function adopt(state: State, key: NewKey, actor: Actor, detail: Json): KeyRow {
  const { credential, rotationId, issuerKeyId, proven } = key;
  const holder = state.credentials.get(credential);
  if (holder === undefined) throw new KeyturnError('UNKNOWN_CREDENTIAL', `No credential ${credential} is declared.`, { effect: 'none' });
  const record = upsertKey(state, key);
  const current = holder.currentKeyId;
  if (key.state === 'current' && current !== null && current !== record.id) throw alreadyBound(credential);
  if (key.state === 'current') bindCurrent(state, credential, record.id);
  const event = { type: 'credential.adopted', actor, credential, rotationId, keyId: record.id };
  appendAudit(state, { ...event, detail: { ...detail, issuerKeyId, proven } });
  return record;
}

function alreadyBound(credential: string): KeyturnError {
  return new KeyturnError('BLOCKED', `${credential} has a current key already: adopting another would leave that one alive and forgotten.`, {
    todo: `Rotate it with \`keyturn rotate ${credential}\` instead.`,
    effect: 'none',
  });
}

function mark(state: State, keyId: string, to: 'lost' | 'revoked', actor: Actor, why: string): void {
  const row = state.keys.get(keyId);
  if (row === undefined) throw new KeyturnError('UNKNOWN_NAME', `There is no key ${keyId} in the ledger.`, { effect: 'none' });
  bury(state, row, to);
  const entry = { type: `key.${to}`, actor, credential: row.credential, rotationId: null, keyId };
  appendAudit(state, { ...entry, detail: { why, issuerKeyId: row.issuerKeyId } });
}
