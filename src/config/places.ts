import type { PlaceConfig, StoreConfig } from './schema/stores.ts';

const VARIABLE = 'HYPERMEMORY_API_KEY';

/** What the env-file store is told of one place, defaults filled in. */
export function envFilePlace(place: PlaceConfig, store: Extract<StoreConfig, { type: 'env-file' }>): { readonly path: string; readonly variable: string; readonly backupVariable: string | null } {
  const variable = place.variable ?? VARIABLE;
  const backup = place.backupVariable ?? `${variable}_BACKUP`;
  return { path: place.path ?? store.path ?? '', variable, backupVariable: backup === 'none' ? null : backup };
}
