type Numbers = Float64Array | Float32Array | Uint16Array | Uint8Array;

/** One description of a state for both ways: every part carries its numbers through a `Carrier`, which writes or reads them. */
export interface Carrier {
  number(value: number): number;
  /** The elements stay in the array that is given. */
  array(values: Numbers): void;
}

/** Grows as needed; little-endian, no padding. */
export class Writer implements Carrier {
  #bytes = new Uint8Array(2_048);
  #length = 0;

  number(value: number): number {
    this.array(Float64Array.of(value));
    return value;
  }

  array(values: Numbers): void {
    const end = this.#length + values.byteLength;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), this.#length);
    this.#length = end;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Throws RangeError when the state ends early. */
export class Reader implements Carrier {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    const one = new Float64Array(1);
    this.array(one);
    return one[0] ?? 0;
  }

  array(values: Numbers): void {
    const end = this.#at + values.byteLength;
    if (end > this.#bytes.length) throw new RangeError('a detector state that ends early');
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(this.#bytes.subarray(this.#at, end));
    this.#at = end;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }
}
