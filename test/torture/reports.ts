/** Leak sources of the simulation: they post what they found to some worker, again until it answers, and the same later once more, as real ones do. */
import type { LeakDeliveryRequest } from '../../src/app/leak-views.ts';
import { minutes, seconds } from '../../src/core/duration.ts';
import type { LeakSource } from '../../src/ports/leak-source.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Report } from './scenario.ts';
import type { Simulation } from './sim/simulation.ts';
import type { SimulatedWorker } from './sim/worker.ts';
import type { TrueKey } from './world/issuer.ts';
import type { World } from './world/world.ts';

/** Its deliveries are JSON as `read` answers it; who may send is tested elsewhere. */
export const SCANNER: LeakSource = {
  name: 'scanner', type: 'model',
  verify: async () => undefined,
  read: ({ body }) => JSON.parse(body.toString()) as ReturnType<LeakSource['read']>,
  probe: async () => 'takes what the simulation posts',
};

const AGAIN_MS = seconds(20);
const REPLAYED_WITHIN_MS = minutes(30);
const NOBODYS = ['hm_live_99999999_of_nobody', 'ghp_of_somebody_else'];

export interface Reporting {
  readonly sim: Simulation;
  readonly world: World;
  readonly ledger: () => Ledger;
  /** Somebody who takes calls now. */
  readonly worker: () => SimulatedWorker | null;
  readonly ownerOf: (key: TrueKey) => string | null;
  readonly count: (what: string) => void;
  readonly say: (text: string) => void;
}

/** One delivery, however often it is posted. */
interface Delivery {
  readonly body: Buffer;
  readonly keys: readonly TrueKey[];
  /** Those of its keys that were none of Keyturn's when somebody may have taken it: taken once, it is not judged again. */
  readonly strangers: Set<string>;
}

export class Reporter {
  readonly #parts: Reporting;
  #waiting = 0;
  #made = 0;

  constructor(parts: Reporting) {
    this.#parts = parts;
  }

  /** Deliveries that nobody has taken yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Reports keys of a credential, and repeats itself after a while that `ms` says. */
  async report(credential: string, does: Report, ms: number): Promise<void> {
    const keys = this.#found(credential, does);
    const values = [...keys.map((key) => key.value.reveal()), ...(does === 'report-newest' || does === 'report-oldest' ? [] : NOBODYS)];
    const first = this.#delivery(values, keys);
    await this.#deliver(first);
    this.#parts.sim.at(this.#parts.sim.now + (ms % REPLAYED_WITHIN_MS), async () => {
      await this.#deliver(first);
      await this.#deliver(this.#delivery(values, keys));
    });
  }

  #found(credential: string, does: Report): readonly TrueKey[] {
    const { world, ownerOf } = this.#parts;
    const all = world.issuer.keys.filter((key) => ownerOf(key) === credential);
    const living = all.filter((key) => key.revokedAt === null);
    const dead = all.filter((key) => key.revokedAt !== null);
    switch (does) {
      case 'report-newest':
        return living.slice(-1);
      case 'report-oldest':
        return living.slice(0, 1);
      case 'report-dead':
        return [...dead.slice(-1), ...world.bystanders];
      case 'report-many':
        return [...world.issuer.live, ...dead, ...living];
    }
  }

  #delivery(values: readonly string[], keys: readonly TrueKey[]): Delivery {
    const n = (this.#made += 1);
    const body = Buffer.from(JSON.stringify({ malformed: 0, leaks: values.map((value, at) => ({ secret: { kind: 'value', value }, url: `https://example.com/${n}/${at % 3}`, foundAt: null, detail: 'a scan' })) }));
    return { body, keys, strangers: new Set() };
  }

  /** Until it is answered. */
  async #deliver(delivery: Delivery): Promise<void> {
    this.#waiting += 1;
    await this.#post(delivery);
  }

  async #tell({ keys, strangers }: Delivery): Promise<void> {
    const { world, ownerOf, ledger, worker } = this.#parts;
    for (const key of keys) {
      const credential = ownerOf(key);
      if (credential === null || key.revokedAt !== null) continue;
      const known = (await ledger().keysOf(credential)).find(({ issuerKeyId }) => issuerKeyId === key.id);
      // One that was adopted without proof is told of, and not revoked.
      const ours = known !== undefined && known.proven && known.state !== 'revoked' && known.state !== 'lost';
      const managed = ours && !strangers.has(key.id);
      if (!ours && worker() !== null) strangers.add(key.id);
      world.trail.add({ what: 'leak-reported', credential, key: key.id, managed });
    }
  }

  /** What may die is told to the judge each time, before it can have begun. */
  async #post(delivery: Delivery): Promise<void> {
    const { sim, worker, count, say } = this.#parts;
    const request: LeakDeliveryRequest = { source: SCANNER.name, headers: {}, body: delivery.body, trusted: false };
    await this.#tell(delivery);
    let over = false;
    const again = async (): Promise<void> => {
      if (over) return;
      over = true;
      await this.#post(delivery);
    };
    sim.at(sim.now + AGAIN_MS, again);
    worker()?.takeLeaks(request).then(() => {
      if (over) return;
      over = true;
      this.#waiting -= 1;
      count('reports');
      say('a report of leaks is accepted');
    }, (error: unknown) => say(`a report of leaks is refused: ${String(error)}`));
  }
}
