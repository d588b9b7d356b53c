/**
 * Publishes a credential as a variable of an env file. Every change of the file is a new file renamed over the old.
 * Protocol: docs/writing-a-store.md, "env-file".
 */
import { KeyturnError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { PromoteRequest, SecretStore, StoreProblem, StoreSlot, StoreView } from '../../ports/store.ts';
import { readContents, slotsOf, versionOf, viewOf, type Contents } from './contents.ts';
import { findVariable, removeVariable, setVariable } from './env-text.ts';
import { conflict, fromFileSystem, tooSlow } from './errors.ts';
import { namesBeside, removeLeftovers, replace, temporaryPrefix } from './files.ts';
import { lockPrefix, withLock } from './lock.ts';
import { placeOf, targetOf, type EnvFileOptions, type Place } from './options.ts';
import { probeFile } from './probe.ts';
import { writeSibling, type Held } from './sibling.ts';

const CALL_TIMEOUT_MS = 10_000;
/** A lock from another machine is given this many of a call's longest time. */
const STALE_CALLS = 6;
const TRIES = 4;

/** Makes a store; throws CONFIG_INVALID for impossible variable names. Errors of its calls: STORE_*. */
export function createEnvFileStore(options: EnvFileOptions): SecretStore {
  return new EnvFileStore(options);
}

class EnvFileStore implements SecretStore {
  readonly name: string;
  readonly type = 'env-file';
  readonly capabilities: SecretStore['capabilities'];
  readonly callTimeoutMs: number;
  readonly location: string;
  readonly describe: string;
  readonly #place: Place;

  constructor(options: EnvFileOptions) {
    this.#place = placeOf(options);
    this.name = options.name;
    this.capabilities = { stage: true, backup: this.#place.backupVariable !== null };
    this.callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
    this.location = `env-file:${targetOf(this.#place.path)}`;
    this.describe = `env file ${this.#place.path} variable ${this.#place.variable}`;
  }

  probe(signal: AbortSignal): Promise<readonly StoreProblem[]> {
    return this.#bounded(signal, () => probeFile(this.#place));
  }

  read(signal: AbortSignal): Promise<StoreView> {
    return this.#bounded(signal, async () => {
      for (let read = 0; read < TRIES; read += 1) {
        const contents = await this.#contents();
        const again = await this.#contents();
        if (sameView(contents, again)) return viewOf(again);
      }
      throw conflict(this.#place.path);
    });
  }

  stage(attempt: string, value: Secret, signal: AbortSignal): Promise<void> {
    return this.#locked(signal, async (contents, deadline) => {
      this.#refuse(contents, value);
      if (contents.current?.equals(value) === true) return;
      const staged = contents.sibling.staged.find((held) => held.attempt === attempt);
      if (staged?.value.equals(value) === true) return;
      if (staged !== undefined) throw otherValue(contents.target);
      const after = { ...contents.sibling, staged: [...contents.sibling.staged, { attempt, value }] };
      await writeSibling(contents.target, this.#place.variable, contents.sibling, after, deadline);
    });
  }

  promote(request: PromoteRequest, signal: AbortSignal): Promise<void> {
    return this.#locked(signal, async (contents, deadline) => {
      this.#refuse(contents, request.value);
      if (contents.current?.equals(request.value) === true) return this.#tidy(contents, request, deadline);
      if (versionOf(contents) !== request.expect) throw conflict(contents.target);
      const { target, loaded, sibling, current } = contents;
      const kept = request.displaced === 'drop' || current === null ? [] : [{ attempt: request.attempt, value: current }];
      // The displaced value first: whoever dies after the rename must find it for a rollback.
      const safe = { ...sibling, displaced: [...others(sibling.displaced, request.attempt), ...kept] };
      await writeSibling(target, this.#place.variable, sibling, safe, deadline);
      await replace(target, this.#promoted(contents, request), loaded, this.#place.mode, deadline);
      await this.#tidy({ ...contents, sibling: safe, current: request.value }, request, deadline);
    });
  }

  async retire(select: (slot: StoreSlot) => boolean, _why: 'superseded' | 'rejected', signal: AbortSignal): Promise<void> {
    // Nothing to retire wants no lock, and no directory that could be written.
    if (await this.#bounded(signal, () => this.#isBare())) return;
    await this.#locked(signal, async (contents, deadline) => {
      const { target, loaded, sibling, current } = contents;
      const chosen = slotsOf(contents).filter((slot) => slot.role !== 'current' && select(slot));
      const { backupVariable } = this.#place;
      if (loaded !== null && backupVariable !== null && chosen.some(({ role }) => role === 'backup')) {
        await replace(target, removeVariable(loaded.text, backupVariable), loaded, this.#place.mode, deadline);
      }
      const keep = (role: 'staged' | 'displaced'): readonly Held[] =>
        sibling[role].filter(({ attempt, value }) => !chosen.some((slot) => slot.role === role && slot.attempt === attempt) && current?.equals(value) !== true);
      await writeSibling(target, this.#place.variable, sibling, { staged: keep('staged'), displaced: keep('displaced') }, deadline);
    });
  }

  #contents(): Promise<Contents> {
    return readContents(targetOf(this.#place.path), this.#place);
  }

  /** True where the file holds nothing but its current value, and nobody who died in the middle of a change left anything beside it. */
  async #isBare(): Promise<boolean> {
    const { backup, sibling, target } = await this.#contents();
    if (backup !== null || sibling.staged.length > 0 || sibling.displaced.length > 0) return false;
    const left = await Promise.all([temporaryPrefix(target), lockPrefix(target)].map((prefix) => namesBeside(target, prefix)));
    return left.every((names) => names.length === 0);
  }

  /** The file's new text: our line, and the backup line as asked. Throws STORE_UNSUITABLE for a text that would not say so. */
  #promoted({ loaded, current, target }: Contents, { value, displaced }: PromoteRequest): string {
    const { variable, backupVariable } = this.#place;
    let text = setVariable(loaded?.text ?? '', variable, bytes(value));
    if (backupVariable !== null && displaced === 'drop') text = removeVariable(text, backupVariable);
    if (backupVariable !== null && displaced === 'keep' && current !== null) text = setVariable(text, backupVariable, bytes(current), variable);
    if (findVariable(text, variable)?.value === bytes(value)) return text;
    throw new KeyturnError('STORE_UNSUITABLE', `A line added to ${target} would not be read: a quote before it is never closed.`, {
      effect: 'none',
      todo: 'Close the quote, or write the lines with quotes after the others.',
    });
  }

  /** After the rename, by whoever gets here: nothing of this attempt is pending, and a dropped value is held nowhere. */
  async #tidy({ target, sibling }: Contents, { attempt, value, displaced }: PromoteRequest, signal: AbortSignal): Promise<void> {
    const after = {
      staged: others(sibling.staged, attempt),
      displaced: displaced === 'drop' ? [] : sibling.displaced.filter((held) => !held.value.equals(value)),
    };
    await writeSibling(target, this.#place.variable, sibling, after, signal);
  }

  #refuse({ loaded, target }: Contents, value: Secret): void {
    if (loaded === null && !this.#place.createIfMissing) {
      throw new KeyturnError('STORE_MISSING', `There is no ${target}.`, { effect: 'none', todo: 'Create it, correct `path`, or set `createIfMissing: true`.' });
    }
    if (/[\r\n\0]/.test(value.reveal())) {
      throw new KeyturnError('STORE_UNSUITABLE', 'The value has a line break, which readers of env files do not agree on.', { effect: 'none', todo: 'Publish this credential to another kind of store.' });
    }
  }

  #locked(signal: AbortSignal, work: (contents: Contents, deadline: AbortSignal) => Promise<void>): Promise<void> {
    return this.#bounded(signal, async (deadline) => {
      const target = targetOf(this.#place.path);
      await withLock(target, this.callTimeoutMs * STALE_CALLS, deadline, async () => {
        await removeLeftovers(target);
        await work(await readContents(target, this.#place), deadline);
      });
    });
  }

  /** A disk can hang: stop waiting in time. What is under way looks at the signal before it changes anything. */
  async #bounded<T>(signal: AbortSignal, work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.callTimeoutMs)]);
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = (): void => reject(tooSlow(this.#place.path));
    if (deadline.aborted) throw tooSlow(this.#place.path);
    deadline.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([work(deadline), promise]);
    } catch (thrown) {
      throw fromFileSystem(thrown, this.#place.path, 'unknown');
    } finally {
      deadline.removeEventListener('abort', stop);
    }
  }
}

function sameView(a: Contents, b: Contents): boolean {
  return digestOf(a) === digestOf(b);
}

function digestOf(contents: Contents): string {
  return [versionOf(contents), ...slotsOf(contents).map(({ role, attempt }) => `${role} ${attempt}`)].join();
}

function others(held: readonly Held[], attempt: string): readonly Held[] {
  return held.filter((one) => one.attempt !== attempt);
}

/** As the file's text is held: one character a byte. */
function bytes(value: Secret): string {
  return Buffer.from(value.reveal(), 'utf8').toString('latin1');
}

function otherValue(path: string): KeyturnError {
  return new KeyturnError('STORE_CONFLICT', `This attempt has already staged another value beside ${path}.`, { effect: 'none', todo: 'Nothing was changed. Begin a new attempt.' });
}
