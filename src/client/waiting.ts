/** Waits for `work`, but no longer than until `signal` is aborted; the work itself goes on for others who wait for it. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  const unlisten = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: unlisten.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    unlisten.abort();
  }
}
