/** Work that begins in the process that asks for it, without coming through the queue: what is urgent waits for no queue, not even for one that is away. */
export class AtOnce {
  readonly #running = new Map<unknown, Promise<void>>();
  #slots = 0;

  /** How many may run at once; none before this is called, and none after `open(0)`. */
  open(slots: number): void {
    this.#slots = slots;
  }

  /** False where nothing was begun, since all slots are taken or one of the same key is under way, which may not see what this one is for. */
  begin(key: string | undefined, run: () => Promise<void>): boolean {
    const id = key ?? Symbol('without a key');
    if (this.#running.size >= this.#slots || this.#running.has(id)) return false;
    this.#running.set(id, run().catch(() => undefined).finally(() => this.#running.delete(id)));
    return true;
  }

  /** Resolves once nothing of it runs. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }
}
