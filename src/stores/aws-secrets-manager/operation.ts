/** What every operation of the store has in hand, and how a writing one begins. */
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Api } from './api.ts';
import type { Document } from './document.ts';
import { CURRENT, PLACEHOLDER_VERSION } from './labels.ts';
import type { Place, SecretsManagerOptions } from './options.ts';
import { gather, valueOf, type Snapshot, type Version } from './snapshot.ts';

/** One operation of the store: the calls under its deadline, and what they are about. */
export interface Operation {
  readonly api: Api;
  readonly place: Place;
  readonly document: Document;
  readonly options: SecretsManagerOptions;
}

/** A snapshot of a secret that exists and has a current version with a text. */
export interface OpenSnapshot extends Snapshot {
  readonly current: Version & { readonly text: Secret };
}

/**
 * Gathers for a write: creates the secret where that is allowed, and gives an empty one its placeholder.
 * Throws STORE_MISSING or STORE_UNSUITABLE.
 */
export async function openForWrite({ api, place, options }: Operation): Promise<OpenSnapshot> {
  const found = await gather(api, place);
  if (isOpen(found)) return found;
  refuseUnreadable(found, place);
  if (found.described === null) {
    if (options.createIfMissing !== true) throw missing(place);
    await api.create(options);
  } else {
    await api.fillEmpty();
  }
  const made = await gather(api, place);
  if (isOpen(made)) return made;
  refuseUnreadable(made, place);
  await adoptPlaceholder(api, made);
  const filled = await gather(api, place);
  if (isOpen(filled)) return filled;
  throw new KeyturnError('STORE_UNAVAILABLE', `The ${place.secret} was created or filled, but AWS does not show its first version yet.`, {
    effect: 'none',
    todo: 'Nothing: Keyturn tries again.',
  });
}

/** A service that does not make the first version current by itself (AWS does) is asked to. */
async function adoptPlaceholder(api: Api, { described }: Snapshot): Promise<void> {
  const ids = Object.keys(described?.VersionIdsToStages ?? {});
  if (ids.includes(PLACEHOLDER_VERSION)) await api.label(CURRENT, { to: PLACEHOLDER_VERSION });
}

function isOpen(snapshot: Snapshot): snapshot is OpenSnapshot {
  return snapshot.current !== null && snapshot.current.text !== null;
}

/** True when the place serves this very value. */
export function serves({ document }: Operation, { current }: OpenSnapshot, value: Secret): boolean {
  return valueOf(document, current)?.equals(value) ?? false;
}

export function missing(place: Place): KeyturnError {
  return new KeyturnError('STORE_MISSING', `There is no ${place.secret}.`, {
    effect: 'none',
    todo: 'Create it, correct `secretId` or `region`, or set `createIfMissing: true`.',
  });
}

/** Throws STORE_UNSUITABLE for a secret that is being deleted or whose current version is binary. */
export function refuseUnreadable({ described, current }: Snapshot, place: Place): void {
  if (described?.DeletedDate) {
    throw new KeyturnError('STORE_UNSUITABLE', `The ${place.secret} is scheduled for deletion, so AWS neither reads nor writes it.`, {
      effect: 'none',
      todo: 'Restore it (aws secretsmanager restore-secret), or point the credential at another secret.',
    });
  }
  if (current?.binary === true) {
    throw new KeyturnError('STORE_UNSUITABLE', `The ${place.secret} holds binary data, not text.`, {
      effect: 'none',
      todo: 'Point the credential at a secret that holds a string or a JSON object.',
    });
  }
}
