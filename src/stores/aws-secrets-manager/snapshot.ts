/** Everything that one secret holds for one place, gathered in one consistent read. */
import type { DescribeSecretResponse } from '@aws-sdk/client-secrets-manager';
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { StoreSlot, StoreView } from '../../ports/store.ts';
import type { Api, FetchedVersion } from './api.ts';
import type { Document } from './document.ts';
import { CURRENT, displacedAttempt, isKeyturnStaged, PENDING, PLACEHOLDER_VERSION, PREVIOUS, stagedAttempt } from './labels.ts';
import type { Place } from './options.ts';

export interface Version extends FetchedVersion {
  readonly id: string;
  readonly labels: readonly string[];
}

export interface Snapshot {
  /** Null when the secret does not exist. */
  readonly described: DescribeSecretResponse | null;
  /** The versions that matter to this place. */
  readonly versions: readonly Version[];
  /** Null when nothing is current, which AWS allows only for a secret without any value. */
  readonly current: Version | null;
}

export interface PlacedSlot extends StoreSlot {
  readonly version: Version;
}

const READS = 4;

/** Reads until no label moved between describing and fetching. Throws STORE_UNAVAILABLE if somebody keeps moving them. */
export async function gather(api: Api, place: Place): Promise<Snapshot> {
  for (let read = 0; read < READS; read += 1) {
    const snapshot = await gatherOnce(api, place);
    if (snapshot !== 'moved') return snapshot;
  }
  throw new KeyturnError('STORE_UNAVAILABLE', `The labels of ${place.secret} kept moving while they were read.`, {
    effect: 'none',
    todo: 'Find out what else writes this secret; Keyturn tries again.',
  });
}

async function gatherOnce(api: Api, place: Place): Promise<Snapshot | 'moved'> {
  const described = await api.describe();
  if (described === null) return { described, versions: [], current: null };
  if (described.DeletedDate) return { described, versions: [], current: null };
  const wanted = Object.entries(described.VersionIdsToStages ?? {}).filter(([, labels]) => labels.some((name) => matters(place, name)));
  const fetched = await Promise.all(wanted.map(async ([id, labels]) => ({ id, labels, got: await fetchVersion(api, place, id, labels) })));
  const versions: Version[] = [];
  for (const { id, labels, got } of fetched) {
    if (got === 'moved') return 'moved';
    versions.push({ id, labels, ...got });
  }
  return { described, versions, current: versions.find(({ labels }) => labels.includes(CURRENT)) ?? null };
}

async function fetchVersion(api: Api, place: Place, id: string, labels: readonly string[]): Promise<FetchedVersion | 'moved'> {
  const label = labels.includes(CURRENT) ? CURRENT : (labels.find((name) => matters(place, name)) ?? CURRENT);
  const got = await api.get(id, label);
  // A rotation function's AWSPENDING may stand on a version that has no value yet.
  return got === 'moved' && label === PENDING ? { text: null, binary: false } : got;
}

function matters(place: Place, name: string): boolean {
  if (name === CURRENT || name === PREVIOUS || name === PENDING) return true;
  return stagedAttempt(place.id, name) !== null || displacedAttempt(place.id, name) !== null;
}

/** `StoreView.version`: the current version's id; `absent` while no value was ever published. */
export function viewVersion({ current }: Snapshot): string {
  return current === null || current.id === PLACEHOLDER_VERSION ? 'absent' : current.id;
}

/** Our value in a version; null for none. */
export function valueOf(document: Document, version: Version): Secret | null {
  if (version.text === null || version.id === PLACEHOLDER_VERSION) return null;
  return document.valueIn(version.text);
}

/** AWSPENDING on a version that is neither current nor staged by Keyturn: somebody else is rotating this secret. */
export function foreignPending({ versions }: Snapshot): Version | null {
  const pending = versions.find(({ labels }) => labels.includes(PENDING));
  if (pending === undefined || pending.labels.includes(CURRENT) || isKeyturnStaged(pending.labels)) return null;
  return pending;
}

export function viewOf(snapshot: Snapshot, place: Place, document: Document): StoreView {
  const slots = slotsOf(snapshot, place, document).map(({ role, value, attempt }) => ({ role, value, attempt }));
  return { exists: snapshot.described !== null, version: viewVersion(snapshot), slots };
}

export function slotsOf(snapshot: Snapshot, place: Place, document: Document): readonly PlacedSlot[] {
  return snapshot.versions.flatMap((version) => {
    const isCurrent = version.labels.includes(CURRENT);
    const value = isCurrent ? valueOf(document, version) : lenient(document, version);
    if (value === null) return [];
    if (isCurrent) return [{ role: 'current', value, attempt: null, version } as const];
    return rolesOf(version, place).map(([role, attempt]) => ({ role, value, attempt, version }));
  });
}

type Role = readonly [StoreSlot['role'], string | null];

function rolesOf(version: Version, place: Place): readonly Role[] {
  const roles: Role[] = [];
  for (const name of version.labels) {
    const staged = stagedAttempt(place.id, name);
    const displaced = displacedAttempt(place.id, name);
    if (staged !== null) roles.push(['staged', staged]);
    if (displaced !== null) roles.push(['displaced', displaced]);
    if (name === PREVIOUS) roles.push(['history', null]);
    if (name === PENDING && !isKeyturnStaged(version.labels)) roles.push(['staged', null]);
  }
  return roles;
}

/** What an older version holds is no reason to refuse the place. */
function lenient(document: Document, version: Version): Secret | null {
  try {
    return valueOf(document, version);
  } catch {
    return null;
  }
}
