/** Keys as people ask for them: the issuer's list joined with the ledger. */
import { isDrill } from '../core/drill.ts';
import { describeError } from '../core/errors.ts';
import type { KeyRecord } from '../core/vocabulary.ts';
import type { IssuedKey, KeyUsageToday } from '../ports/issuer.ts';
import type { CredentialRecord, Ledger, Rotation } from '../ports/ledger.ts';
import { declaredPages } from '../rotation/declared.ts';
import type { Context } from './context.ts';
import type { KeyView } from './operations.ts';
import { iso } from './views.ts';

const ASK_MS = 20_000;

/** The key records that rotations and credentials refer to, by their id. */
export async function keysById(ledger: Ledger, rotations: readonly Rotation[], more: readonly (string | null)[] = []): Promise<ReadonlyMap<string, KeyRecord>> {
  const ids = new Set([...rotations.flatMap((rotation) => [rotation.oldKeyId, rotation.newKeyId]), ...more].filter((id) => id !== null));
  return new Map((await ledger.keys([...ids])).map((key) => [key.id, key]));
}

export interface KeysFilter {
  readonly credential?: string;
  readonly issuer?: string;
}

/** An issuer that does not answer leaves the ledger's own knowledge: shown without last use. */
export async function keys(context: Context, filter: KeysFilter): Promise<readonly KeyView[]> {
  const declared = new Set<string>();
  const wanted = new Map<string, Wanted>();
  for await (const page of declaredPages(context.ledger)) {
    for (const record of page) {
      declared.add(record.name);
      if ((filter.issuer ?? record.issuer) !== record.issuer || (filter.credential ?? record.name) !== record.name) continue;
      const of = wanted.get(record.issuer) ?? { first: record, names: new Set() };
      wanted.set(record.issuer, of);
      of.names.add(record.name);
    }
  }
  const views = await Promise.all([...wanted.values()].map((of) => keysAt(context, of, declared, filter)));
  return views.flat();
}

/** The credentials of one issuer that are asked about. */
interface Wanted {
  /** One of them, by whose plan the issuer is asked. */
  readonly first: CredentialRecord;
  readonly names: Set<string>;
}

async function keysAt(context: Context, { first, names }: Wanted, declared: ReadonlySet<string>, filter: KeysFilter): Promise<readonly KeyView[]> {
  const known = await context.ledger.keysOfIssuer(first.issuer);
  const answer = await askIssuer(context, first);
  const { listed, usage } = answer ?? { listed: [], usage: [] };
  const usageBy = new Map(usage.map((figures) => [figures.issuerKeyId, figures]));
  const listedBy = new Map(listed.map((key) => [key.id, key]));
  const ours = known.filter((key) => names.has(key.credential)).map((key) => ({ ...view(key, listedBy.get(key.issuerKeyId), usageBy.get(key.issuerKeyId)), issuerAnswered: answer !== null }));
  if (filter.credential !== undefined) return ours;
  const left = known.filter((key) => key.state === 'current' && !declared.has(key.credential) && (answer === null || listedBy.get(key.issuerKeyId)?.live === true));
  const undeclared = left.map((key) => ({ ...view(key, listedBy.get(key.issuerKeyId), usageBy.get(key.issuerKeyId)), state: isDrill(key.credential) ? key.state : 'undeclared', issuerAnswered: answer !== null }));
  const knownIds = new Set(known.map((key) => key.issuerKeyId));
  const others = listed.filter((key) => key.live && !knownIds.has(key.id)).map((key) => unmanaged(first.issuer, key, usageBy.get(key.id)));
  return [...ours, ...undeclared, ...others];
}

async function askIssuer(context: Context, record: CredentialRecord): Promise<{ listed: readonly IssuedKey[]; usage: readonly KeyUsageToday[] } | null> {
  try {
    const { issuer } = await context.engine.plugins(record.plan);
    const signal = AbortSignal.timeout(ASK_MS);
    const [listed, usage] = await Promise.all([issuer.list(signal), issuer.usageToday?.(signal).catch(() => null) ?? null]);
    return { listed, usage: usage ?? [] };
  } catch (error) {
    context.engine.log.warn({ issuer: record.issuer, error: describeError(error) }, 'keys are shown from the ledger alone');
    return null;
  }
}

function figures(usage: KeyUsageToday | undefined): Pick<KeyView, 'requestsToday' | 'errorRate'> {
  if (usage === undefined) return { requestsToday: null, errorRate: null };
  return { requestsToday: usage.requests, errorRate: usage.requests === 0 ? null : usage.failures / usage.requests };
}

function view(key: KeyRecord, listed: IssuedKey | undefined, usage: KeyUsageToday | undefined): Omit<KeyView, 'issuerAnswered'> {
  const { credential, issuer, issuerKeyId, name, prefix, scopes, state } = key;
  return { credential, issuer, issuerKeyId, name, prefix, scopes, createdAt: key.createdAt.toISOString(), lastUsedAt: iso(listed?.lastUsedAt ?? null), ...figures(usage), state };
}

function unmanaged(issuer: string, key: IssuedKey, usage: KeyUsageToday | undefined): KeyView {
  const { id: issuerKeyId, name, prefix, scopes } = key;
  return { credential: null, issuer, issuerKeyId, name, prefix, scopes, createdAt: iso(key.createdAt), lastUsedAt: iso(key.lastUsedAt), ...figures(usage), state: 'unmanaged', issuerAnswered: true };
}
