/** Small shapes that both facts and preflight speak in. */

/** Something that stops a rotation before anything was created: what it is, what it means, what to do. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly todo: string;
}

export interface IssuedKeyFact {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
}
