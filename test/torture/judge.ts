/**
 * Judges a run by what really happened at the issuer, in the places and to the applications, never by Keyturn's ledger.
 * Numbers are those of the promises in docs/reliability.md.
 */
import { minutes, seconds } from '../../src/core/duration.ts';
import { parseAttemptName } from '../../src/core/naming.ts';
import type { Secret } from '../../src/core/secret.ts';
import { credentialName, peoplesKey, SCOPES } from './plans.ts';
import type { Scenario } from './scenario.ts';
import type { TrueKey } from './world/issuer.ts';
import type { Recorded } from './world/trail.ts';
import type { World } from './world/world.ts';

export interface Broken {
  readonly promise: number;
  readonly at: number;
  readonly what: string;
}

/** Fencing cannot reach into a process that sleeps longer than the longest effect: docs/architecture.md, "The gap that remains". */
const DOCUMENTED_GAP_MS = seconds(60);
/** Between the last read of all places and the revoke nobody can see that people put the key back: docs/architecture.md, same place. */
const READ_TO_REVOKE_MS = seconds(5);
/** From a request to the revoke, when nothing stands in the way but latencies and a lost wake. */
const EMERGENCY_WITHIN_MS = minutes(6);

interface Death {
  readonly at: number;
  readonly why: 'evidence' | 'emergency' | 'replace' | 'people';
}

export class Judge {
  readonly broken: Broken[] = [];
  /** Times that a place served a dead key because a process slept, or people wrote, within a documented gap. */
  documentedGaps = 0;
  applicationFailuresInGaps = 0;
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #deaths = new Map<string, Death>();
  /** Since when a credential is in an emergency (or a replacement with downtime) that has not healed yet. */
  readonly #gaps = new Map<string, { readonly since: number; readonly why: 'emergency' | 'replace'; readonly only?: boolean }>();
  /** Keys that somebody wants dead at once, and since when. */
  readonly #named = new Map<string, number>();
  /** When a report of it was last posted: until one is accepted nobody has begun to act on it. */
  readonly #reportedLast = new Map<string, number>();
  /** Those of them that leaked before Keyturn knew them, which it need not remember. */
  readonly #perhaps = new Set<string>();
  /** Credentials that were given up: no key is to live, or none if the one that was named was the last. */
  readonly #retired = new Map<string, 'none' | 'perhaps'>();
  /** Credentials whose places show a dead key by the documented gap, until they are repaired. */
  readonly #slept = new Set<string>();
  readonly #mintedNames = new Map<string, number>();
  readonly #allNewSince = new Map<string, { readonly key: string; readonly at: number; readonly byPeople: boolean }>();
  readonly #owners = new Map<string, string>();
  /** Ever served by some place. */
  readonly #served = new Set<string>();
  /** Which keys the places of a credential served after its last change, and when the last place let go of a key. */
  readonly #serving = new Map<string, ReadonlySet<string>>();
  readonly #leftAt = new Map<string, number>();
  /** When people last wrote to a place. */
  readonly #edited = new Map<string, number>();
  /** Credentials whose places people wrote to: what was served everywhere is then not Keyturn's to answer for. */
  readonly #meddled = new Set<string>();

  constructor(scenario: Scenario, world: World) {
    this.#scenario = scenario;
    this.#world = world;
    for (const key of world.issuer.keys) this.#own(key);
    world.trail.listen((event) => this.#see(event));
  }

  #own(key: TrueKey): void {
    const people = this.#scenario.credentials.findIndex((_spec, n) => peoplesKey(n) === key.name);
    const owner = people === -1 ? parseAttemptName(key.name)?.base : credentialName(people);
    if (owner !== undefined) this.#owners.set(key.id, owner);
  }

  /** Whose key it is; null for keys that are none of Keyturn's business. */
  ownerOf(key: TrueKey): string | null {
    return this.#owners.get(key.id) ?? null;
  }

  #break(promise: number, what: string): void {
    this.broken.push({ promise, at: this.#world.trail.events.at(-1)?.at ?? 0, what });
  }

  #see(event: Recorded): void {
    switch (event.what) {
      case 'created':
        return this.#created(event);
      case 'revoked':
        return this.#revoked(event);
      case 'removed':
        this.#deaths.set(event.key, { at: event.at, why: 'people' });
        return;
      case 'edited':
        this.#meddled.add(event.credential);
        this.#edited.set(event.place, event.at);
        return this.#changed(event);
      case 'served':
      case 'caught-up':
      case 'retired':
        return this.#changed(event);
      case 'used':
        return this.#used(event);
      case 'emergency-asked':
        return this.#asked(event);
      case 'leak-reported':
        return this.#reported(event);
      case 'rotation-asked':
        this.#retired.delete(event.credential);
        return;
      case 'refused-at-limit':
      case 'told':
        return;
    }
  }

  /** From now on keys that were named may die whatever serves them, and no others; all that were named must. */
  #asked({ credential, keys, replace, at }: Recorded & { what: 'emergency-asked' }): void {
    const living = this.#world.issuer.live.filter((key) => this.#owners.get(key.id) === credential).map((key) => key.id);
    for (const id of keys ?? living) {
      this.#perhaps.delete(id);
      if (!this.#named.has(id)) this.#named.set(id, at);
    }
    if (keys === null) this.#gaps.set(credential, { since: at, why: 'emergency' });
    else this.#opensGap(credential, keys, at);
    if (!replace) this.#retired.set(credential, keys === null ? 'none' : 'perhaps');
  }

  /** From now on a key that leaked may die whatever serves it, and no other; it must, if Keyturn knows it. */
  #reported({ credential, key, managed, at }: Recorded & { what: 'leak-reported' }): void {
    this.#reportedLast.set(key, at);
    const news = !this.#named.has(key) || this.#perhaps.has(key);
    if (news) this.#named.set(key, at);
    if (managed) this.#perhaps.delete(key);
    else if (news) this.#perhaps.add(key);
    this.#opensGap(credential, [key], at);
  }

  /** Of keys that are named to die applications may go without for a while, if they may ever have read them. */
  #opensGap(credential: string, keys: readonly string[], at: number): void {
    const read = keys.some((id) => this.#served.has(id) || this.#world.placesOf(credential).some((place) => holds(place.served, this.#key(id))));
    if (read) this.#gaps.set(credential, { since: at, why: 'emergency', only: true });
  }

  /** An attempt's name is sent once: two keys under it mean two workers at one rotation, or a create retried blind (6, 3). */
  #created(event: Recorded & { what: 'created' }): void {
    const key = this.#key(event.key);
    this.#own(key);
    const times = (this.#mintedNames.get(event.name) ?? 0) + 1;
    this.#mintedNames.set(event.name, times);
    if (times > 1) this.#break(6, `${times} keys were minted under the name ${event.name}`);
  }

  #revoked({ key: id, at }: Recorded & { what: 'revoked' }): void {
    const key = this.#key(id);
    const owner = this.#owners.get(id);
    if (owner === undefined) return this.#break(4, `${key.name} was revoked, and it is none of Keyturn's`);
    const served = this.#world.placesOf(owner).filter((place) => holds(place.served, key) || holds(place.backup, key));
    const gap = this.#gaps.get(owner);
    const spec = this.#spec(owner);
    const urgent = this.#named.has(id) || (gap?.why === 'emergency' && gap.only !== true) ? 'emergency' : gap?.why === 'replace' ? 'replace' : null;
    const why = urgent ?? (spec.strategy === 'replace' ? 'replace' : 'evidence');
    this.#deaths.set(id, { at, why });
    if (why === 'replace' && served.length > 0) this.#gaps.set(owner, { since: at, why: 'replace' });
    const seen = served.filter((place) => at - (this.#edited.get(place.id) ?? Number.NEGATIVE_INFINITY) > READ_TO_REVOKE_MS);
    if (why === 'evidence' && seen.length < served.length) this.documentedGaps += 1;
    if (why === 'evidence' && seen.length > 0) this.#break(1, `${key.name} was revoked while ${seen.map((place) => place.id).join(', ')} served it`);
    // What people wrote is not Keyturn's to answer for; what it made of that is.
    const byPeople = this.#meddled.has(owner) && this.#allNewSince.get(owner)?.byPeople !== false;
    if (why === 'evidence' && !byPeople) this.#evidence(owner, key, at);
  }

  /**
   * The old key goes only after the overlap, counted from when every place served another key that works (2). Which other one does not matter: where
   * the successor leaks and is replaced, nobody read the old key any later for that.
   */
  #evidence(owner: string, key: TrueKey, at: number): void {
    const spec = this.#spec(owner);
    if (!this.#served.has(key.id)) return;
    const current = this.#allNewSince.get(owner);
    if (current === undefined || current.key === key.id) return this.#break(2, `${key.name} was revoked though no other key was served everywhere`);
    const successor = this.#key(current.key);
    // Evidence that was complete stays so when the successor leaks afterwards; the old key is condemned by then.
    const leakedLater = successor.revokedAt !== null && this.#named.has(successor.id) && successor.revokedAt - current.at >= spec.overlapMs;
    if (successor.revokedAt !== null && !leakedLater) this.#break(2, `${key.name} was revoked though its successor ${successor.name} is dead`);
    const back = successor.createdAt < key.createdAt;
    const without = at - Math.min(current.at, this.#leftAt.get(key.id) ?? current.at);
    if (without < spec.overlapMs) this.#break(2, `${key.name} was revoked ${without} ms after the last place had its successor; the overlap is ${spec.overlapMs}`);
    if (successor.uses.length === 0 && !back) this.#break(2, `${key.name} was revoked though nobody ever called with its successor`);
  }

  #changed(event: Recorded & { what: 'served' | 'retired' | 'caught-up' | 'edited' }): void {
    const { credential } = event;
    const places = this.#world.placesOf(credential);
    const keys = places.map((place) => (place.served === null ? null : this.#world.issuer.keyOf(place.served)));
    for (const key of keys) if (key !== null) this.#served.add(key.id);
    const serving = new Set(keys.flatMap((key) => key?.id ?? []));
    for (const id of this.#serving.get(credential) ?? []) if (!serving.has(id)) this.#leftAt.set(id, event.at);
    this.#serving.set(credential, serving);
    if (event.what === 'served') this.#promoted(event);
    // What was written before shows only now, however quick the write was.
    if (event.what === 'caught-up') this.#promoted({ ...event, frozenMs: 0 });
    const [first] = keys;
    const same = first !== null && first !== undefined && keys.every((key) => key?.id === first.id);
    if (!same) return void this.#allNewSince.delete(credential);
    if (this.#allNewSince.get(credential)?.key !== first.id) this.#allNewSince.set(credential, { key: first.id, at: event.at, byPeople: event.what === 'edited' });
    if (first.revokedAt !== null) return;
    // A gap is healed by a key that was made in it, not by one that is still to die.
    const gap = this.#gaps.get(credential);
    if (first.createdAt >= (gap?.since ?? 0) || (gap?.only === true && !this.#named.has(first.id))) this.#gaps.delete(credential);
    this.#slept.delete(credential);
  }

  /** What a place is made to serve is a live key of that credential (1, 9). */
  #promoted({ place: id, credential, frozenMs, at }: Pick<Recorded & { what: 'served' }, 'place' | 'credential' | 'frozenMs' | 'at'>): void {
    const place = this.#world.places.get(id);
    if (place?.served == null || place.showsLate) return;
    const key = this.#world.issuer.keyOf(place.served);
    if (key === null || this.#owners.get(key.id) !== credential) return this.#break(9, `${id} serves a key that is not ${credential}'s: ${key?.name}`);
    if (key.scopes.join() !== SCOPES.join()) this.#break(9, `${id} serves ${key.name}, whose scopes are ${key.scopes.join()}`);
    if (key.revokedAt === null || this.#gaps.has(credential)) return;
    // What the rotation that an emergency ended had sent may land after it, for as long as an effect may take; then it must be put right.
    const named = this.#named.get(key.id);
    const since = Math.max(named ?? 0, this.#reportedLast.get(key.id) ?? 0);
    if (named !== undefined && at - since <= DOCUMENTED_GAP_MS) {
      this.documentedGaps += 1;
      return void this.#gaps.set(credential, { since: at, why: 'emergency', only: true });
    }
    if (frozenMs <= DOCUMENTED_GAP_MS) return this.#break(1, `${id} was made to serve ${key.name}, which was dead for ${place.location.name === id ? '' : 'shared '}${this.#world.trail.events.at(-1)!.at - key.revokedAt} ms`);
    this.documentedGaps += 1;
    this.#slept.add(credential);
  }

  #used(event: Recorded & { what: 'used' }): void {
    if (event.by !== 'application' || event.worked || event.credential === null) return;
    const death = event.key === null ? undefined : this.#deaths.get(event.key);
    const excused = this.#meddled.has(event.credential) || this.#gaps.has(event.credential) || this.#slept.has(event.credential) || (death !== undefined && death.why !== 'evidence') || this.#spec(event.credential).maxAgeMs != null;
    if (excused) this.applicationFailuresInGaps += 1;
    else this.#break(1, `the application of ${event.credential} was refused with ${event.key === null ? 'a key nobody knows' : this.#key(event.key).name}`);
  }

  /** One live key a credential, served everywhere; nothing of anybody else's is gone (1, 3, 4, 9). Empty when at rest. */
  unrest(): readonly Broken[] {
    const found: Broken[] = [];
    const at = this.#world.trail.events.at(-1)?.at ?? 0;
    const live = Map.groupBy(this.#world.issuer.live.filter((key) => this.#owners.has(key.id)), (key) => this.#owners.get(key.id));
    this.#scenario.credentials.forEach((_spec, n) => {
      const name = credentialName(n);
      const keys = live.get(name) ?? [];
      const given = this.#retired.get(name);
      if (given !== undefined && keys.length === 0) return;
      if (given === 'none') found.push({ promise: 3, at, what: `${name} was given up and has ${keys.length} live keys: ${keys.map((key) => key.name).join(', ')}` });
      else if (keys.length !== 1) found.push({ promise: 3, at, what: `${name} has ${keys.length} live keys: ${keys.map((key) => key.name).join(', ')}` });
      for (const place of this.#world.placesOf(name)) {
        const key = place.served === null ? null : this.#world.issuer.keyOf(place.served);
        if (key === null || !keys.includes(key)) found.push({ promise: 1, at, what: `${place.id} serves ${key === null ? 'nothing' : `${key.name} (${key.revokedAt === null ? 'alive' : 'dead'})`}` });
        const backup = place.backup === null ? null : this.#world.issuer.keyOf(place.backup);
        if (backup !== null && backup.revokedAt !== null) found.push({ promise: 1, at, what: `${place.id} keeps the dead ${backup.name} as backup` });
      }
    });
    for (const id of this.#named.keys()) if (this.#key(id).revokedAt === null && !this.#perhaps.has(id)) found.push({ promise: 11, at, what: `${this.#key(id).name} was to die at once and lives` });
    for (const key of this.#world.bystanders) if (key.revokedAt !== null) found.push({ promise: 4, at, what: `${key.name} is dead` });
    return found;
  }

  /** An emergency's keys are dead soon, where neither faults nor deaths of workers stand in the way (11). */
  emergencyTook(asked: { readonly credential: string; readonly at: number; readonly keys: readonly TrueKey[] }): void {
    for (const key of asked.keys) {
      if (key.revokedAt === null || key.revokedAt - asked.at > EMERGENCY_WITHIN_MS) {
        this.#break(11, `${key.name} was asked to be revoked at once and ${key.revokedAt === null ? 'still lives' : `died ${key.revokedAt - asked.at} ms later`}`);
      }
    }
  }

  #key(id: string): TrueKey {
    const key = this.#world.issuer.keys.find((one) => one.id === id);
    if (key === undefined) throw new Error(`there is no ${id}`);
    return key;
  }

  #spec(credential: string): Scenario['credentials'][number] {
    const spec = this.#scenario.credentials.find((_one, n) => credentialName(n) === credential);
    if (spec === undefined) throw new Error(`there is no ${credential}`);
    return spec;
  }
}

function holds(value: Secret | null, key: TrueKey): boolean {
  return value !== null && value.equals(key.value);
}
