/** Issuer, places and applications of one scenario, as they really are. */
import type { Simulation } from '../sim/simulation.ts';
import { BYSTANDERS, type CredentialSpec, type Scenario } from '../scenario.ts';
import { credentialName, peoplesKey, placeId, SCOPES } from '../plans.ts';
import { TrueIssuer, type TrueKey } from './issuer.ts';
import { TrueLocation, TruePlace } from './store.ts';
import { Trail } from './trail.ts';

export interface World {
  readonly trail: Trail;
  readonly issuer: TrueIssuer;
  /** By id. */
  readonly places: ReadonlyMap<string, TruePlace>;
  readonly bystanders: readonly TrueKey[];
  placesOf(credential: string): readonly TruePlace[];
}

export function makeWorld(scenario: Scenario, sim: Simulation): World {
  const now = (): number => sim.now;
  const trail = new Trail(now);
  const issuer = new TrueIssuer(scenario.issuer, trail, now);
  const bystanders = Array.from({ length: BYSTANDERS }, (_, n) => issuer.mint({ name: `bystander-${n}`, scopes: ['memory:admin'] }));
  const locations = new Map<string, TrueLocation>();
  const places = new Map(scenario.credentials.flatMap((spec, n) => placesFor(spec, n, locations, trail, now)).map((place) => [place.id, place]));
  scenario.credentials.forEach((spec, n) => {
    if (spec.begins !== 'people') return;
    const key = issuer.mint({ name: peoplesKey(n), scopes: SCOPES });
    spec.places.forEach((_kind, place) => places.get(placeId(n, place))?.fill(key.value));
  });
  const placesOf = (credential: string): readonly TruePlace[] => [...places.values()].filter((place) => place.credential === credential);
  return { trail, issuer, places, bystanders, placesOf };
}

function placesFor(spec: CredentialSpec, n: number, locations: Map<string, TrueLocation>, trail: Trail, now: () => number): readonly TruePlace[] {
  return spec.places.map((kind, place) => {
    const name = spec.shares ? `shared/${kind}/${place}` : placeId(n, place);
    const location = locations.get(name) ?? new TrueLocation(name);
    locations.set(name, location);
    return new TruePlace(placeId(n, place), credentialName(n), kind, location, trail, now);
  });
}
