/** Where credentials are published: fields that fit the store, one store of record, and no two in one place. */
import { PLACE_FIELDS, type PlaceConfig, type StoreConfig } from '../schema/stores.ts';
import { envFilePlace } from '../places.ts';
import type { Path } from '../tree.ts';
import type { CheckInput, Remark } from './input.ts';

interface Sited {
  readonly credential: string;
  readonly path: Path;
  readonly place: PlaceConfig;
  readonly store: StoreConfig;
}

/** Stores that can hold a pending value which applications do not read. */
const CAN_STAGE: readonly StoreConfig['type'][] = ['aws-secrets-manager', 'env-file'];

export function checkPlaces(input: CheckInput): readonly Remark[] {
  const sited = Object.entries(input.config.credentials).flatMap(([credential, { stores }]) =>
    stores.flatMap((place, n): Sited[] => {
      const store = input.config.stores[place.store];
      return store === undefined ? [] : [{ credential, place, store, path: ['credentials', credential, 'stores', n] }];
    }),
  );
  const byCredential = Map.groupBy(sited, (one) => one.credential);
  return [...sited.flatMap(checkPlace), ...[...byCredential.values()].flatMap(checkRecord), ...checkShared(sited)];
}

function checkPlace({ place, store, path }: Sited): Remark[] {
  const own = PLACE_FIELDS[store.type];
  const foreign = Object.values(PLACE_FIELDS).flat().filter((field) => place[field] !== undefined && !own.includes(field));
  const remarks: Remark[] = foreign.map((field) => ({
    path: [...path, field],
    atKey: true,
    message: `is no field of a store of type ${store.type} (expected: ${own.join(', ')})`,
  }));
  return [...remarks, ...(store.type === 'env-file' ? checkEnvFile(place, store, path) : checkSecret(place, path))];
}

function checkSecret(place: PlaceConfig, path: Path): Remark[] {
  return place.secretId === undefined ? [{ path: [...path, 'secretId'], atKey: true, message: 'is missing (expected the name or ARN of the secret)' }] : [];
}

function checkEnvFile(place: PlaceConfig, store: Extract<StoreConfig, { type: 'env-file' }>, path: Path): Remark[] {
  const { variable, backupVariable } = envFilePlace(place, store);
  return [
    ...(place.path === undefined && store.path === undefined ? [{ path: [...path, 'path'], atKey: true, message: 'is missing here and in the store (expected the path of the file in one of them)' }] : []),
    ...(variable === backupVariable ? [{ path: [...path, 'backupVariable'], message: `is the variable itself, so the old key would overwrite the new one (expected another name than ${variable}, or none)` }] : []),
  ];
}

/** Exactly one store of record: as said, or the only one that can be. */
function checkRecord(places: readonly Sited[]): Remark[] {
  const said = places.filter(({ place }) => place.record === true);
  const able = places.filter(({ place, store }) => CAN_STAGE.includes(store.type) && place.record !== false);
  const [first] = places;
  if (first === undefined || said.length === 1) return [];
  if (said.length > 1) return said.slice(1).map(({ path }) => ({ path: [...path, 'record'], message: 'is the second store of record (expected exactly one)' }));
  if (able.length === 1) return [];
  const problem = able.length === 0 ? 'none of these can hold a new key before it is published' : 'several of these could hold a new key before it is published, and one must be the store of record';
  return [{ path: first.path.slice(0, -1), atKey: true, message: `${problem} (expected record: true at one of them)` }];
}

/** Two keys in one place would overwrite each other. Compared within a location only: there may be very many. */
function checkShared(sited: readonly Sited[]): Remark[] {
  const seen = new Map<string, { readonly credential: string; readonly taken: Occupied }[]>();
  return sited.flatMap((one) => {
    const taken = occupied(one);
    const earlier = seen.get(taken.location) ?? [];
    seen.set(taken.location, earlier);
    const other = earlier.find((before) => overlaps(before.taken, taken));
    earlier.push({ credential: one.credential, taken });
    return other === undefined ? [] : [{ path: one.path, message: `is a place that ${other.credential === one.credential ? 'this credential' : `credential ${other.credential}`} uses already (expected another secret, field or variable)` }];
  });
}

interface Occupied {
  readonly location: string;
  /** Parts of the location that are taken; null is all of it. */
  readonly parts: readonly string[] | null;
}

function occupied({ place, store }: Sited): Occupied {
  if (store.type === 'env-file') {
    const { path, variable, backupVariable } = envFilePlace(place, store);
    return { location: `file ${path}`, parts: backupVariable === null ? [variable] : [variable, backupVariable] };
  }
  const location = ['secret', store.region ?? '', store.endpoint ?? '', place.secretId].join(' ');
  return { location, parts: place.field === undefined ? null : [place.field] };
}

/** Of two in one location. */
function overlaps(a: Occupied, b: Occupied): boolean {
  return a.parts === null || b.parts === null || a.parts.some((part) => b.parts?.includes(part) === true);
}
