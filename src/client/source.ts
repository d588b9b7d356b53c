/** What a source gives: the key to use, and the one to fall back to. */
export interface KeyReading {
  readonly primary: string;
  readonly backup?: string | undefined;
  /** What the source calls this state of its keys (a version id), for events and status; never derived from a value. */
  readonly version?: string | undefined;
}

/** Why the ring reads: it starts, the source said that something changed, or a key was refused with a 401. */
export type ReadReason = 'start' | 'changed' | 'refused';

export interface ReadRequest {
  /** Aborted when the time for one read is over or the ring is closed. */
  readonly signal: AbortSignal;
  readonly reason: ReadReason;
}

/** Where keys come from. Implement it for a secrets manager of your own and pass it to `KeyRing.from`. */
export interface KeySource {
  /** For messages: `env file /etc/app.env`. Never a value. */
  readonly name: string;
  /** The shortest time between two reads that refused keys ask for; milliseconds, 0 unless said. */
  readonly minRefreshMs?: number;
  /**
   * Reads the keys as they are now. Throw `KeySourceError` to have its message shown to people; of any other error
   * only the name is shown, since its text could hold a value.
   */
  read(request: ReadRequest): Promise<KeyReading>;
  /** Calls `changed` whenever a read may give something new; the function returned stops it. Must not keep the process alive. */
  watch?(changed: () => void): () => void;
}

/**
 * What is wrong with a source. `missing`: there is nothing at its place; `unreadable`: not permitted to read it;
 * `empty`: nothing in it; `no-key`: something, but not the key; `bad-key`: not a value that can be sent;
 * `timed-out`: no answer in time; `failed`: anything else.
 */
export type ProblemCode = 'missing' | 'unreadable' | 'empty' | 'no-key' | 'bad-key' | 'timed-out' | 'failed';

/** A problem of a source, in words for people. The message must not hold a value. */
export class KeySourceError extends Error {
  override readonly name = 'KeySourceError';
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a ring could not do, and why. `no-key`: no source has given a key yet; `origin-refused`: not an origin the key belongs to. */
export type KeyRingErrorCode = 'no-key' | 'origin-refused' | 'closed' | 'bad-option';

export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
  readonly code: KeyRingErrorCode;

  constructor(code: KeyRingErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The problem that a failed read is, without anything of an error that could hold a value. */
export function asProblem(error: unknown, source: string): KeySourceError {
  if (error instanceof KeySourceError) return error;
  const name = error instanceof Error ? error.name : typeof error;
  if (name === 'TimeoutError') {
    return new KeySourceError('timed-out', `The ${source} did not answer in time. Keys read earlier stay in use; see whether it is reachable.`);
  }
  return new KeySourceError('failed', `The ${source} could not be read (${name}). Keys read earlier stay in use; see whether it is reachable.`);
}
