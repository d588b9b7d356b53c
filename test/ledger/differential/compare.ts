/** Compares what two ledgers answer, but for their ids: an id of the one must always stand for the same id of the other. */
import { KeyturnError } from '../../../src/core/errors.ts';

const ID = /[0-9A-Z]{26}/g;
/** The hash of an audit event covers ids: that both have one is all that can be the same. */
const HASHES = new Set(['hash', 'head']);

export class Likeness {
  readonly #ofOne = new Map<string, string>();
  readonly #ofOther = new Map<string, string>();

  /** Throws, naming the place, at the first difference. */
  compare(one: unknown, other: unknown, place = 'answer'): void {
    if (typeof one === 'string' && typeof other === 'string') return this.#texts(one, other, place);
    if (isObject(one) && isObject(other)) return this.#objects(plain(one), plain(other), place);
    if (typeof one === 'number' && typeof other === 'number' && Math.abs(one - other) < 1e-3) return;
    if (!Object.is(one, other)) throw different(one, other, place);
  }

  #texts(one: string, other: string, place: string): void {
    if (one.replace(ID, '*') !== other.replace(ID, '*')) throw different(one, other, place);
    const [ids, others] = [one.match(ID) ?? [], other.match(ID) ?? []];
    ids.forEach((id, n) => this.#pair(id, others[n] ?? '', place));
  }

  #pair(one: string, other: string, place: string): void {
    const [known, knownOther] = [this.#ofOne.get(one) ?? other, this.#ofOther.get(other) ?? one];
    if (known !== other || knownOther !== one) throw new Error(`${place}: ${one} is ${known}, not ${other}`);
    this.#ofOne.set(one, other);
    this.#ofOther.set(other, one);
  }

  #objects(one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>, place: string): void {
    for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
      const [value, otherValue] = [one[name], other[name]];
      const hashes = HASHES.has(name) && typeof value === 'string' && typeof otherValue === 'string';
      if (!hashes) this.compare(value, otherValue, `${place}.${name}`);
    }
  }

  /** The other's ids for these, sorted; for lists whose order SQL leaves open. */
  translated(ids: readonly string[]): readonly string[] {
    return ids.map((id) => this.#ofOne.get(id) ?? id).sort();
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function plain(value: object): Readonly<Record<string, unknown>> {
  if (value instanceof Date) return { date: value.toISOString() };
  return value as Readonly<Record<string, unknown>>;
}

function different(one: unknown, other: unknown, place: string): Error {
  return new Error(`${place}: SQL says ${JSON.stringify(one)}, the model ${JSON.stringify(other)}`);
}

/** What a call answered, or what it threw. */
export async function outcomeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await call() };
  } catch (error) {
    if (error instanceof KeyturnError) return { code: error.code, sentence: error.sentence, effect: error.effect };
    throw error;
  }
}
