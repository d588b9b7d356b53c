/** Looks at every store all the time: was a dead key ever served, and when was an emergency's gap over? */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { KeyLife } from '../../src/sandbox/index.ts';
import type { Declared } from './config.ts';
import { servedBy, type ServedAt } from './stores.ts';

/** Somebody asked for an emergency; whether it was taken may be unknown, when the worker that was asked died. */
export interface Emergency {
  readonly credential: string;
  /** Epoch milliseconds. */
  readonly askedAt: number;
  /** Issuer's id of the one key that is to die; null for every one. */
  readonly key: string | null;
  /** When all its places were first seen to serve a live key that is younger, or, where one key was meant, when that was dead and they served any. Null: not yet. */
  healedAt: number | null;
}

/** A revocation that was asked for, and whose acceptance is known: it must not be lost. */
export interface Accepted {
  /** Issuer's id. */
  readonly key: string;
  readonly how: string;
  readonly at: number;
}

/** A place served a key that was dead already. */
export interface DeadServed {
  readonly credential: string;
  readonly place: string;
  readonly as: 'current' | 'backup';
  readonly key: string;
  readonly at: number;
  readonly revokedAt: number;
}

export interface Watch {
  readonly looks: number;
  readonly dead: readonly DeadServed[];
  readonly emergencies: readonly Emergency[];
  readonly accepted: readonly Accepted[];
  /** `key`: by the issuer's id; absent for every one. */
  emergency(credential: string, askedAt: number, key?: string): void;
  accept(one: Accepted): void;
  stop(): Promise<void>;
}

interface WatchOptions {
  readonly declared: readonly Declared[];
  readonly aws: SecretsManagerClient;
  readonly keys: () => Promise<readonly KeyLife[]>;
}

const LOOK_EVERY_MS = 700;

export function startWatch({ declared, aws, keys }: WatchOptions): Watch {
  const stopped = new AbortController();
  const seen = { looks: 0, dead: new Map<string, DeadServed>(), emergencies: [] as Emergency[], accepted: [] as Accepted[] };
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      const look = await lookAt(declared, aws, keys).catch(() => null);
      if (look !== null) note(look, seen);
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    get looks() { return seen.looks; },
    get dead() { return [...seen.dead.values()]; },
    emergencies: seen.emergencies,
    accepted: seen.accepted,
    emergency: (credential, askedAt, key) => void seen.emergencies.push({ credential, askedAt, key: key ?? null, healedAt: null }),
    accept: (one) => void seen.accepted.push(one),
    async stop() {
      stopped.abort();
      await watching;
    },
  };
}

interface Look {
  readonly places: readonly ServedAt[];
  readonly keys: readonly KeyLife[];
}

/** The stores first: a key that dies after it was read was not served dead. */
async function lookAt(declared: readonly Declared[], aws: SecretsManagerClient, keys: WatchOptions['keys']): Promise<Look> {
  const places = (await Promise.all(declared.map((one) => servedBy(one, aws, false)))).flat();
  return { places, keys: await keys() };
}

function note({ places, keys }: Look, seen: { looks: number; readonly dead: Map<string, DeadServed>; readonly emergencies: Emergency[] }): void {
  seen.looks += 1;
  const bySha = new Map(keys.map((key) => [key.sha256, key]));
  for (const dead of deadAmong(places, bySha)) {
    const id = `${dead.place} ${dead.as} ${dead.key}`;
    if (!seen.dead.has(id)) seen.dead.set(id, dead);
  }
  for (const emergency of seen.emergencies) {
    if (emergency.healedAt === null && healed(emergency, places, bySha)) emergency.healedAt = Date.now();
  }
}

function deadAmong(places: readonly ServedAt[], bySha: ReadonlyMap<string, KeyLife>): readonly DeadServed[] {
  return places.flatMap((served) => (served.backupIsHistory ? ['current'] as const : ['current', 'backup'] as const).flatMap((as) => {
    const key = bySha.get(served[as] ?? '');
    const revokedAt = key?.revoked_at == null ? null : Date.parse(key.revoked_at);
    if (key === undefined || revokedAt === null || revokedAt >= served.at) return [];
    return [{ credential: served.credential, place: served.place, as, key: key.name, at: served.at, revokedAt }];
  }));
}

function healed({ credential, askedAt, key: doomed }: Emergency, places: readonly ServedAt[], bySha: ReadonlyMap<string, KeyLife>): boolean {
  const lives = doomed !== null && [...bySha.values()].some(({ id, status }) => id === doomed && status === 'active');
  return !lives && places.filter((served) => served.credential === credential).every((served) => {
    const key = bySha.get(served.current ?? '');
    return key?.status === 'active' && (doomed !== null || Date.parse(key.created_at) >= askedAt);
  });
}
