/** Which keys are meant, from the configuration and the issuers alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CredentialPlan } from '../../core/plan.ts';
import { describeError, KeyturnError, type ErrorCode } from '../../core/errors.ts';
import { attemptBase, parseAttemptName } from '../../core/naming.ts';
import type { IssuedKey, Issuer } from '../../ports/issuer.ts';

const BETWEEN_ROUNDS_MS = 1_000;
/** Where one issuer lists the key, the others get so many rounds; and an only issuer gets so many before it is asked to revoke unseen. */
const PATIENT_ROUNDS = 3;
/** Of an issuer that cannot even be asked: no further round could end otherwise. */
const UNASKABLE: readonly ErrorCode[] = ['REFERENCE_UNRESOLVED', 'CONFIG_INVALID'];
/** Of a value, to be told from an id by. */
const SHORTEST_PREFIX = 4;

/** A key at an issuer; `key` is null where the issuer does not list it, or cannot list at all. */
export interface Target {
  readonly issuer: Issuer;
  readonly keyId: string;
  readonly key: IssuedKey | null;
}

export interface Looking {
  readonly signal: AbortSignal;
  /** Told of each issuer that could not be asked. */
  readonly failed: (issuer: string, error: string) => void;
}

interface Answers {
  readonly lists: ReadonlyMap<Issuer, readonly IssuedKey[]>;
  readonly silent: readonly Issuer[];
}

/**
 * Finds a key by its id at these issuers. Throws USAGE where more than one lists it as live, or where it is a value and no id, UNKNOWN_NAME where all of several answer
 * and none lists it, ISSUER_UNAVAILABLE where some did not answer in the time that was given.
 */
export async function findKey(issuers: readonly Issuer[], keyId: string, looking: Looking): Promise<Target> {
  const holds = (keys: readonly IssuedKey[]): boolean => keys.some((key) => key.id === keyId);
  const { lists, silent } = await ask(issuers, looking, ({ lists }, round) => round >= PATIENT_ROUNDS && (issuers.length === 1 || [...lists.values()].some(holds)));
  const seen = [...lists].flatMap(([issuer, keys]) => keys.filter((key) => key.id === keyId).map((key): Target => ({ issuer, keyId, key })));
  const live = seen.filter(({ key }) => key?.live === true);
  if (live.length > 1) {
    const names = live.map(({ issuer }) => issuer.name);
    throw new KeyturnError('USAGE', `Key ${keyId} is listed by more than one issuer: ${names.join(', ')}. Nothing was revoked.`, { effect: 'none', todo: `Say which is meant: --issuer ${names[0]}.` });
  }
  const found = live[0] ?? seen[0];
  if (found !== undefined) return found;
  refuseValue(keyId, [...lists.values()].flat());
  const [only] = issuers;
  if (issuers.length === 1 && only !== undefined) return { issuer: only, keyId, key: null };
  throw silent.length > 0 ? unanswered(silent, keyId) : unknown(issuers, keyId);
}

/** Who has just seen a leak has the value at hand, not the id: it must go into no record, no address and no message. */
function refuseValue(keyId: string, listed: readonly IssuedKey[]): void {
  const prefix = listed.map((key) => key.prefix).find((one) => one.length >= SHORTEST_PREFIX && keyId.startsWith(one) && keyId.length > one.length);
  if (prefix === undefined) return;
  throw new KeyturnError('USAGE', `What was given begins as the values of keys do (${prefix}…), and no key has it as its id. Nothing was revoked.`, {
    effect: 'none', todo: 'Give the id of the key, which the issuer\'s dashboard shows beside its name, or the name of the credential; and remove the value from the history of your shell.',
  });
}

function unanswered(silent: readonly Issuer[], keyId: string): KeyturnError {
  const names = silent.map(({ name }) => name);
  return new KeyturnError('ISSUER_UNAVAILABLE', `${names.join(', ')} did not list keys in time, and the others do not know ${keyId}. Nothing was revoked.`, {
    effect: 'none', todo: `Name the issuer, and it is asked to revoke the key unseen: --issuer ${names[0]}.`,
  });
}

function unknown(issuers: readonly Issuer[], keyId: string): KeyturnError {
  return new KeyturnError('UNKNOWN_NAME', `There is no credential ${keyId}, and none of ${issuers.map(({ name }) => name).join(', ')} lists a key with that id. Nothing was revoked.`, {
    effect: 'none', todo: 'Check it; if the issuer leaves out some of its keys, name the issuer with --issuer.',
  });
}

/** Lists of the issuers, each asked again until it answers, `enough` says so, or the time is over. Throws what keeps the only one from being asked at all. */
async function ask(issuers: readonly Issuer[], { signal, failed }: Looking, enough: (answers: Answers, round: number) => boolean): Promise<Answers> {
  const lists = new Map<Issuer, readonly IssuedKey[]>();
  for (let round = 1; ; round += 1) {
    const open = issuers.filter((issuer) => !lists.has(issuer));
    await Promise.all(open.map(async (issuer) => {
      try {
        lists.set(issuer, await issuer.list(AbortSignal.any([signal, AbortSignal.timeout(issuer.capabilities.callTimeoutMs)])));
      } catch (error) {
        if (issuers.length === 1 && error instanceof KeyturnError && UNASKABLE.includes(error.code)) throw error;
        if (round === 1) failed(issuer.name, describeError(error));
      }
    }));
    const answers = { lists, silent: issuers.filter((issuer) => !lists.has(issuer)) };
    if (answers.silent.length === 0 || signal.aborted || enough(answers, round)) return answers;
    await sleep(BETWEEN_ROUNDS_MS, undefined, { signal }).catch(() => undefined);
  }
}

export interface OfCredential {
  /** What may be revoked. */
  readonly targets: readonly Target[];
  /** Keys with names as the credential's, of other installations or of one that is not known to be ours: left alone. */
  readonly others: readonly Target[];
}

/**
 * Live keys of a credential: those that `installation` made for it by their names, and the one that the configuration adopts. With a null
 * `installation` nothing tells ours from those of others. Throws ISSUER_UNAVAILABLE where the issuer cannot list in time; USAGE
 * where another credential's keys have the same names.
 */
export async function findOfCredential(issuer: Issuer, plan: CredentialPlan, plans: readonly CredentialPlan[], installation: string | null, looking: Looking): Promise<OfCredential> {
  const { lists } = await ask([issuer], looking, () => false);
  const listed = lists.get(issuer);
  if (listed === undefined) {
    throw new KeyturnError('ISSUER_UNAVAILABLE', `${issuer.name} did not list its keys in time, and nothing else tells which are of ${plan.credential}. Nothing was revoked.`, {
      effect: 'none', todo: 'Give it longer with --timeout; or name the key by its id, and the issuer is asked to revoke it unseen.',
    });
  }
  const live = listed.filter((key) => key.live);
  const made = live.filter((key) => isNamedFor(plan, key));
  refuseShared(plan, plans, made);
  const target = (key: IssuedKey): Target => ({ issuer, keyId: key.id, key });
  const ours = made.filter((key) => installation !== null && installationOf(key) === installation);
  const meant = new Set([...ours, ...adopted(plan, live)]);
  return { targets: [...meant].map(target), others: made.filter((key) => !meant.has(key)).map(target) };
}

/** The installation of Keyturn that a key's name tells; null for a name that Keyturn did not give. */
export function installationOf({ name }: IssuedKey): string | null {
  return parseAttemptName(name)?.installation ?? null;
}

/** By its name: that of an attempt for this credential, of whatever installation. */
export function isNamedFor({ keyName }: CredentialPlan, { name }: IssuedKey): boolean {
  const parsed = parseAttemptName(name);
  return parsed !== null && parsed.base === attemptBase(keyName, parsed.installation);
}

/** What the configuration names; a name that several keys have names none. */
function adopted({ adopt }: CredentialPlan, live: readonly IssuedKey[]): readonly IssuedKey[] {
  const named = live.filter((key) => adopt !== null && (adopt.by === 'key-id' ? key.id : key.name) === adopt.value);
  return named.length === 1 ? named : [];
}

function refuseShared(plan: CredentialPlan, plans: readonly CredentialPlan[], keys: readonly IssuedKey[]): void {
  const rival = plans.find((other) => other.credential !== plan.credential && other.issuer.name === plan.issuer.name && keys.some((key) => isNamedFor(other, key)));
  if (rival === undefined) return;
  throw new KeyturnError('USAGE', `Keys of ${plan.credential} and of ${rival.credential} have names that begin alike, so names do not tell whose they are. Nothing was revoked.`, {
    effect: 'none', todo: 'Name the key by its id.',
  });
}
