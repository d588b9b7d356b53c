/** A state as base64: every number as it is in memory, so that a restored detector goes on bit by bit. */

/** Numbers beyond 32-bit floats are rare (a clock, a count); the rest is held as 32-bit floats in memory already. */
export class StateWriter {
  readonly #parts: Buffer[] = [];

  floats(values: Float32Array): void {
    this.#parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  }

  numbers(...values: readonly number[]): void {
    this.#parts.push(Buffer.from(Float64Array.from(values).buffer));
  }

  done(): string {
    return Buffer.concat(this.#parts).toString('base64');
  }
}

/** Reads what a `StateWriter` wrote, in the same order. */
export class StateReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(text: string) {
    this.#bytes = Buffer.from(text, 'base64');
  }

  /** Into an array that is there; throws when the state is too short. */
  floats(into: Float32Array): void {
    for (let n = 0; n < into.length; n += 1) into[n] = this.#bytes.readFloatLE(this.#at + 4 * n);
    this.#at += into.byteLength;
  }

  number(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  /** Throws when something is left over: the state is of another version. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new Error(`a metric detector's state has ${this.#bytes.length} bytes, not ${this.#at}`);
  }
}
