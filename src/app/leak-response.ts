/** The one way from a leak to its effect. */
import type { Actor, KeyRecord } from '../core/vocabulary.ts';
import type { Engine } from '../rotation/engine.ts';
import { requestEmergency } from '../rotation/emergency.ts';

export interface LeakResponder {
  /**
   * Has a key revoked, and replaced where it was served, and no other key of its credential; answers the emergency rotation, or null where the key has died
   * meanwhile. Asked again it changes nothing.
   */
  emergency(key: KeyRecord, actor: Actor): Promise<string | null>;
}

export function leakResponder(engine: Engine): LeakResponder {
  return {
    async emergency({ credential, id: keyId }, actor) {
      const asked = await requestEmergency(engine, { credential, keyId, replace: true }, actor);
      return asked.outcome === 'nothing' ? null : asked.rotation.id;
    },
  };
}
