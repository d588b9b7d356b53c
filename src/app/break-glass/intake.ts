/** Taking records of revocations past the worker into the ledger. The issuer is asked whether the key is dead: that is never believed of a file. */
import { issuerDefinitions, type Settings } from '../../config/index.ts';
import { authenticityOf, type Authenticity, type BreakGlassRecord, type SealedRecord } from '../../core/break-glass.ts';
import { seconds } from '../../core/duration.ts';
import { describeError, KeyturnError } from '../../core/errors.ts';
import type { PluginDefinition } from '../../core/plan.ts';
import type { Secret } from '../../core/secret.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { BreakGlassLedger } from '../../ports/break-glass-ledger.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../../rotation/engine.ts';
import type { BreakGlassTaken } from '../operations.ts';
import { readBounded, setAside, waiting } from './folder.ts';
import { carryOut } from './carry-out.ts';
import { seeDeath, type Death } from './death.ts';
import { parseRecord } from './text.ts';

/** Until a record whose key is not seen to be dead is looked at again; at once when the file changes. */
const AGAIN_MS = seconds(15);

export interface IntakeParts {
  readonly engine: Engine;
  readonly breakGlass: BreakGlassLedger;
  readonly config: () => Settings;
  readonly issuer: (definition: PluginDefinition) => Issuer;
  readonly rootKey: Secret;
}

export interface Intake {
  /** True when a record lies in the data directory that is worth a look now. */
  waits(): boolean;
  /** Takes in what can be taken in of the data directory. Throws where the ledger does not answer. */
  takeAll(signal: AbortSignal): Promise<void>;
  /** Takes in one that a person brings; `unsigned`: they vouch for one without a signature. Throws RECORD_REFUSED. */
  takeText(text: string, unsigned: boolean, actor: Actor, signal: AbortSignal): Promise<BreakGlassTaken>;
  /** What lies in the data directory and is not taken in. */
  left(): readonly LeftRecord[];
}

/** A record that nobody has taken in. */
export interface LeftRecord {
  readonly path: string;
  /** `unreadable`: the file cannot be read, or is no whole record. */
  readonly is: Authenticity | 'unreadable';
  readonly record: SealedRecord | null;
  /** Why not, as far as it is known. */
  readonly why: string;
  /** An emergency is at its key. */
  readonly revoking: boolean;
}

interface Looked {
  readonly text: string;
  readonly why: string;
  readonly revoking: boolean;
  /** By `performance.now`; infinite for what never changes by itself. */
  readonly again: number;
}

export function createIntake(parts: IntakeParts): Intake {
  const looked = new Map<string, Looked>();
  const dataDir = (): string => parts.config().worker.dataDir;
  const due = (path: string, text: string): boolean => {
    const last = looked.get(path);
    return last?.text !== text || performance.now() >= last.again;
  };
  return {
    waits: () => quietly(() => waiting(dataDir()), []).some((path) => due(path, quietly(() => readBounded(path), ''))),
    async takeAll(signal) {
      const paths = quietly(() => waiting(dataDir()), []);
      for (const path of looked.keys()) if (!paths.includes(path)) looked.delete(path);
      for (const path of paths) {
        if (signal.aborted) return;
        const text = quietly(() => readBounded(path), '');
        if (due(path, text)) await takeFile(parts, path, text, looked, signal);
      }
    },
    async takeText(text, unsigned, actor, signal) {
      const record = parseRecord(text);
      const is = authenticityOf(record, parts.rootKey);
      if (is === 'forged') throw new KeyturnError('RECORD_REFUSED', FORGED, { effect: 'none', todo: FORGED_TODO });
      if (is === 'unsigned' && !unsigned) throw new KeyturnError('RECORD_REFUSED', UNSIGNED, { effect: 'none', todo: 'If you know who wrote it, say so: `keyturn break-glass import` asks.' });
      const seen = await look(parts, record, signal);
      if (seen.is !== 'dead') return { id: record.id, issuer: record.issuer, keyId: record.keyId, outcome: 'not_dead', detail: seen.why, credential: null, rotationId: null };
      return await takeIn(parts, record, is === 'signed', actor, seen.how);
    },
    left: () => leftOf(dataDir(), parts.rootKey, looked),
  };
}

const FORGED = 'The record was changed after it was written, or is of an installation with another root key. It is not believed.';
const FORGED_TODO = 'Find out who wrote it. See at the issuer whether the key that it names is dead; then remove the file.';
const UNSIGNED = 'The record is not signed: the root key was out of reach when it was written, or somebody made it up.';

async function takeFile(parts: IntakeParts, path: string, text: string, looked: Map<string, Looked>, signal: AbortSignal): Promise<void> {
  const { log } = parts.engine;
  const leave = (why: string, afterMs: number, revoking = false): void => {
    if (looked.get(path)?.why !== why) log.warn({ path, why }, 'a break-glass record is not taken in');
    looked.set(path, { text, why, revoking, again: performance.now() + afterMs });
  };
  try {
    const record = parseRecord(text);
    const is = authenticityOf(record, parts.rootKey);
    if (is !== 'signed') return leave(is === 'forged' ? FORGED : UNSIGNED, Infinity);
    const seen = await look(parts, record, signal);
    if (seen.is !== 'dead') {
      const { why, revoking } = await carryOut(parts, record, seen);
      return leave(why, AGAIN_MS, revoking);
    }
    await takeIn(parts, record, true, null, seen.how);
    setAside(path);
  } catch (error) {
    // The ledger's trouble is nobody's record's: the next sweep finds it as it was.
    if (error instanceof KeyturnError && error.code.startsWith('LEDGER_')) throw error;
    leave(describeError(error), error instanceof KeyturnError && error.code === 'RECORD_REFUSED' ? Infinity : AGAIN_MS);
  }
}

/** Changes nothing, here or at the issuer. */
async function look({ engine, config, issuer }: IntakeParts, record: SealedRecord, signal: AbortSignal): Promise<Death> {
  const definition = issuerDefinitions(config()).find(({ name }) => name === record.issuer);
  if (definition === undefined) return { is: 'untold', why: `no issuer ${record.issuer} is configured here, so nobody can be asked whether the key is dead` };
  return await seeDeath(engine, issuer(definition), record.keyId, signal);
}

/** `how`: what was seen of its death. */
async function takeIn({ engine, breakGlass }: IntakeParts, record: SealedRecord, authentic: boolean, importer: Actor | null, how: string): Promise<BreakGlassTaken> {
  const about = { id: record.id, issuer: record.issuer, keyId: record.keyId };
  const taken = await breakGlass.take({ ...about, issuerKeyId: record.keyId, actor: actorOf(record, authentic, importer), detail: detailOf(record, authentic, importer, how) });
  if (taken.outcome === 'already') return { ...about, outcome: 'already', detail: 'it was taken in before', credential: null, rotationId: null };
  if (taken.rotation !== null) await engine.queue.wake('advance-emergency', { rotation: taken.rotation.id });
  engine.log.info({ record: record.id, credential: taken.credential, key: record.keyId, rotation: taken.rotation?.id ?? null, by: record.who }, 'a break-glass record was taken in');
  return { ...about, outcome: 'taken', detail: sentenceOf(taken.credential, taken.marked, taken.rotation !== null), credential: taken.credential, rotationId: taken.rotation?.id ?? null };
}

function sentenceOf(credential: string | null, marked: boolean, replaced: boolean): string {
  if (credential === null) return 'the key is dead; the ledger does not know it, so there is nothing to replace';
  if (!marked) return `the key is dead, as the ledger knew; it was one of ${credential}`;
  return replaced ? `the key is dead and marked as revoked; ${credential} gets a new one` : `the key is dead and marked as revoked; applications of ${credential} were not meant to read it`;
}

/** Whoever vouches for a record without a signature answers for it. */
function actorOf({ who, why }: BreakGlassRecord, authentic: boolean, importer: Actor | null): Actor {
  if (authentic || importer === null) return { who, why };
  return { who: importer.who, why: `vouches for an unsigned break-glass record, which says of ${who}: ${why}` };
}

function detailOf(record: BreakGlassRecord, authentic: boolean, importer: Actor | null, seen: string): Readonly<Record<string, unknown>> {
  const { name, prefix, credential, who, why, askedAt, revokedAt, outcome } = record;
  return { name, prefix, named: credential, who, why, askedAt, revokedAt, outcome, signed: authentic, seen, ...(importer === null ? {} : { importedBy: importer.who }) };
}

function leftOf(dataDir: string, rootKey: Secret, looked: ReadonlyMap<string, Looked>): readonly LeftRecord[] {
  let paths: readonly string[];
  try {
    paths = waiting(dataDir);
  } catch (error) {
    return [{ path: dataDir, is: 'unreadable', record: null, why: describeError(error), revoking: false }];
  }
  return paths.map((path): LeftRecord => {
    try {
      const record = parseRecord(readBounded(path));
      const is = authenticityOf(record, rootKey);
      return { path, is, record, why: looked.get(path)?.why ?? (is === 'forged' ? FORGED : is === 'unsigned' ? UNSIGNED : 'no worker has looked at it yet'), revoking: looked.get(path)?.revoking ?? false };
    } catch (error) {
      return { path, is: 'unreadable', record: null, why: error instanceof KeyturnError ? error.message : describeError(error), revoking: false };
    }
  });
}

function quietly<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
