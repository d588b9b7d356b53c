/** Who is at work when: calls are wrapped, and each instant of a rotation is counted once, for the layer that it waits for. */
export type Layer = 'outside' | 'ledger' | 'queue';

export interface Span {
  readonly layer: Layer;
  /** As in `store.read`, `ledger.commit`. */
  readonly name: string;
  /** Milliseconds of `performance.now`. */
  readonly from: number;
  readonly to: number;
}

export class Meter {
  #spans: Span[] = [];

  /** Forgets what was seen so far. */
  reset(): void {
    this.#spans = [];
  }

  spans(layer: Layer): readonly Span[] {
    return this.#spans.filter((span) => span.layer === layer).sort((a, b) => a.from - b.from);
  }

  add(span: Span): void {
    this.#spans.push(span);
  }

  /** The same object, with every asynchronous method measured. */
  around<T extends object>(target: T, layer: Layer, label: string): T {
    return new Proxy(target, {
      get: (_target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === 'function' ? this.method(target, member as Method, layer, `${label}.${String(property)}`) : member;
      },
    });
  }

  method(target: object, method: Method, layer: Layer, name: string): Method {
    return (...given) => {
      const from = performance.now();
      const answer = method.apply(target, given);
      if (!(answer instanceof Promise)) return answer;
      return answer.finally(() => this.add({ layer, name, from, to: performance.now() }));
    };
  }

  /** How long of `from` to `to` was spent waiting for each layer, the outer ones first; `rest` is in none. Milliseconds. */
  shares(from: number, to: number): Readonly<Record<Layer | 'rest', number>> {
    const order: readonly Layer[] = ['outside', 'ledger', 'queue'];
    const upTo = order.map((_layer, n) => covered(this.#spans.filter((span) => order.slice(0, n + 1).includes(span.layer)), from, to));
    const [outside = 0, andLedger = 0, andQueue = 0] = upTo;
    return { outside, ledger: andLedger - outside, queue: andQueue - andLedger, rest: to - from - andQueue };
  }
}

type Method = (...given: unknown[]) => unknown;

/** Length of the union of spans within a range: what runs side by side counts once. */
function covered(spans: readonly Span[], from: number, to: number): number {
  let [total, end] = [0, from];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const [begin, finish] = [Math.max(span.from, end), Math.min(span.to, to)];
    if (finish <= begin) continue;
    total += finish - begin;
    end = finish;
  }
  return total;
}
