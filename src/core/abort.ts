/** Whether a rotation can still be given up, from what the ledger knows of it. What the issuer and the stores say comes on top. */
import type { KeyState, Path, RotationState } from './vocabulary.ts';

export interface AbortSubject {
  readonly path: Path;
  readonly state: RotationState;
  readonly oldKey: { readonly state: KeyState } | null;
}

const DYING: readonly KeyState[] = ['condemned', 'revoked', 'lost'];
/** From here on stores serve, or may serve, the new key: the only way back is to the old one. */
const SERVING: readonly RotationState[] = ['promoting', 'confirmed', 'draining'];

/** Why there is no way back, a sentence; null while there is one. */
export function whyNoAbort({ path, state, oldKey }: AbortSubject): string | null {
  const dying = oldKey !== null && DYING.includes(oldKey.state);
  if (path === 'emergency') return 'An emergency revokes first, so there is no key to go back to; it can only go forward, to a new one.';
  if (path === 'replace' && dying && state !== 'requested') return 'The old key was revoked first, as the policy allows, so there is no key to go back to; it can only go forward, to a new one.';
  if (state === 'revoking' || state === 'reporting') return 'The new key is proved and served everywhere, and the old one is being revoked; that cannot be taken back.';
  if (!SERVING.includes(state)) return null;
  if (path !== 'displace' || oldKey === null) return 'Stores may serve the new key already, and there is no old key to go back to; it can only go forward.';
  return dying ? 'The old key is dead; going back to it would lock applications out.' : null;
}
