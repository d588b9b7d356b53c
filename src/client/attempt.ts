/** How one call with one key ended. */
export interface Attempt<T> {
  /** The key was refused with a 401. */
  readonly refused: boolean;
  /** The answer proves that the key is accepted. */
  readonly accepted: boolean;
  /** The outcome, for the caller: returned or thrown. */
  give(): T;
  /** Lets go of an outcome that nobody will see. */
  discard(): Promise<void>;
}

/** The end of an HTTP call. Only success proves a key: a 429 or a 503 may come from in front of whatever looks at keys. */
export function responseAttempt(response: Response, refused: boolean): Attempt<Response> {
  return {
    refused,
    accepted: response.ok,
    give: () => response,
    // Frees the connection. Whether that works is of no interest to the retry.
    discard: async () => response.body?.cancel().catch(() => undefined),
  };
}

async function nothingToDiscard(): Promise<void> {
  // An SDK's outcome holds nothing open.
}

/** The end of a call through somebody's SDK. */
export async function sdkAttempt<T>(use: () => Promise<T>, isUnauthorized: (error: unknown) => boolean): Promise<Attempt<T>> {
  const discard = nothingToDiscard;
  try {
    const value = await use();
    return { refused: false, accepted: true, give: () => value, discard };
  } catch (error) {
    const give = (): never => {
      throw error;
    };
    return { refused: isUnauthorized(error), accepted: false, give, discard };
  }
}

/** Whether an SDK's error means 401, in the ways SDKs say it: `status`, `statusCode`, `response.status`, `$metadata.httpStatusCode`. */
export function looksUnauthorized(error: unknown): boolean {
  const said = [field(error, 'status'), field(error, 'statusCode'), field(field(error, 'response'), 'status'), field(field(error, '$metadata'), 'httpStatusCode')];
  return said.includes(401);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
