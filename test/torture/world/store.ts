/** Places as they really are: what applications read, what waits, what was displaced. */
import { KeyturnError } from '../../../src/core/errors.ts';
import type { Secret } from '../../../src/core/secret.ts';
import type { PromoteRequest, SecretStore, StoreCapabilities, StoreSlot, StoreView } from '../../../src/ports/store.ts';
import type { Trail } from './trail.ts';

/** `labels`: as Secrets Manager, with a history of its own. `file`: as an env file, with a backup variable. `plain`: cannot stage. */
export type PlaceKind = 'labels' | 'file' | 'plain';

const CAPABILITIES: Readonly<Record<PlaceKind, StoreCapabilities>> = {
  labels: { stage: true, backup: false },
  file: { stage: true, backup: true },
  plain: { stage: false, backup: false },
};

export const STORE_TIMEOUT_MS = 10_000;

interface Held {
  readonly attempt: string;
  readonly value: Secret;
}

interface Contents {
  readonly current: Secret | null;
  readonly backup: Secret | null;
  readonly history: Secret | null;
  readonly staged: readonly Held[];
  readonly displaced: readonly Held[];
}

const EMPTY: Contents = { current: null, backup: null, history: null, staged: [], displaced: [] };

/** Several places may share a location: writing one moves the version of all. */
export class TrueLocation {
  readonly name: string;
  #version = 1;

  constructor(name: string) {
    this.name = name;
  }

  get version(): number {
    return this.#version;
  }

  /** Somebody writes to it. */
  touch(): void {
    this.#version += 1;
  }
}

export class TruePlace {
  readonly id: string;
  readonly credential: string;
  readonly kind: PlaceKind;
  readonly location: TrueLocation;
  readonly #trail: Trail;
  readonly #now: () => number;
  #contents: Contents = EMPTY;
  /** What readers still get, and the version they get it with, until when. */
  #stale: { readonly contents: Contents; readonly version: number; readonly until: number } | null = null;

  constructor(id: string, credential: string, kind: PlaceKind, location: TrueLocation, trail: Trail, now: () => number) {
    this.id = id;
    this.credential = credential;
    this.kind = kind;
    this.location = location;
    this.#trail = trail;
    this.#now = now;
  }

  /** What applications read now. */
  get served(): Secret | null {
    return this.#visible.contents.current;
  }

  /** What applications are meant to fall back to. */
  get backup(): Secret | null {
    return this.#visible.contents.backup;
  }

  get #visible(): { readonly contents: Contents; readonly version: number } {
    if (this.#stale !== null && this.showsLate) return this.#stale;
    return { contents: this.#contents, version: this.location.version };
  }

  /** Put there by people, before Keyturn. */
  fill(value: Secret): void {
    this.#contents = { ...EMPTY, current: value };
    this.location.touch();
  }

  /** Somebody else writes another value, or none of what waits. */
  edit(change: { readonly current?: Secret; readonly staged?: readonly []; readonly displaced?: readonly []; readonly backup?: null; readonly history?: null }): void {
    this.#contents = { ...this.#contents, ...change };
    if (change.current !== undefined) this.location.touch();
    this.#trail.add({ what: 'edited', place: this.id, credential: this.credential });
  }

  /** Accepts writes from now on, and shows them only at `until`. */
  serveStaleUntil(until: number): void {
    const { contents, version } = this.#visible;
    this.#stale = { contents, version, until };
  }

  /** Whether readers still get what was there before the last writes. */
  get showsLate(): boolean {
    return this.#stale !== null && this.#stale.until > this.#now();
  }

  /** Once readers see the truth again. */
  caughtUp(): void {
    if (this.#stale === null || this.showsLate) return;
    this.#stale = null;
    this.#trail.add({ what: 'caught-up', place: this.id, credential: this.credential });
  }

  read(): StoreView {
    const { contents, version } = this.#visible;
    return { exists: true, version: `v${version}`, slots: slotsOf(contents) };
  }

  stage(attempt: string, value: Secret): void {
    const { current, staged } = this.#contents;
    const held = staged.find((one) => one.attempt === attempt);
    if (current?.equals(value) === true || held?.value.equals(value) === true) return;
    if (held !== undefined) throw new KeyturnError('STORE_CONFLICT', 'This attempt staged another value.', { effect: 'none' });
    this.#contents = { ...this.#contents, staged: [...staged, { attempt, value }] };
  }

  promote({ attempt, value, expect, displaced }: PromoteRequest, frozenMs: number): void {
    const before = this.#contents;
    if (before.current?.equals(value) !== true) {
      if (expect !== `v${this.location.version}`) throw new KeyturnError('STORE_CONFLICT', 'The place moved on since it was read.', { effect: 'none' });
      const keeps = displaced === 'keep' && before.current !== null;
      const kept = displaced === 'keep' && before.current !== null && this.kind !== 'plain' ? [{ attempt, value: before.current }] : [];
      this.#contents = {
        ...before, current: value,
        backup: this.kind === 'file' && keeps ? before.current : null,
        history: this.kind === 'labels' ? before.current : null,
        displaced: [...before.displaced.filter((one) => one.attempt !== attempt), ...kept],
      };
      this.location.touch();
    }
    this.#tidy(attempt, displaced);
    this.#trail.add({ what: 'served', place: this.id, credential: this.credential, attempt, frozenMs });
  }

  #tidy(attempt: string, displaced: PromoteRequest['displaced']): void {
    const { staged, current } = this.#contents;
    const kept = displaced === 'drop' ? [] : this.#contents.displaced.filter((one) => current?.equals(one.value) !== true);
    this.#contents = { ...this.#contents, staged: staged.filter((one) => one.attempt !== attempt), displaced: kept };
  }

  retire(select: (slot: StoreSlot) => boolean, why: 'superseded' | 'rejected'): void {
    const { current, backup, history, staged, displaced } = this.#contents;
    const goes = (role: StoreSlot['role'], value: Secret | null, attempt: string | null): boolean => value !== null && select({ role, value, attempt });
    const dropsBackup = goes('backup', backup, null);
    this.#contents = {
      current,
      backup: dropsBackup ? null : backup,
      history: why === 'rejected' && goes('history', history, null) ? null : history,
      staged: staged.filter((one) => !goes('staged', one.value, one.attempt)),
      displaced: displaced.filter((one) => !goes('displaced', one.value, one.attempt)),
    };
    if (dropsBackup) this.location.touch();
    this.#trail.add({ what: 'retired', place: this.id, credential: this.credential });
  }
}

function single(role: StoreSlot['role'], value: Secret | null): StoreSlot[] {
  return value === null ? [] : [{ role, value, attempt: null }];
}

function slotsOf({ current, backup, history, staged, displaced }: Contents): readonly StoreSlot[] {
  const waiting = (role: StoreSlot['role'], held: readonly Held[]): StoreSlot[] =>
    held.filter(({ value }) => current?.equals(value) !== true).map(({ attempt, value }) => ({ role, value, attempt }));
  return [...single('current', current), ...single('backup', backup), ...single('history', history), ...waiting('staged', staged), ...waiting('displaced', displaced)];
}

/** The port over the truth, answering at once and always. */
export function storePort(truth: TruePlace): SecretStore {
  return {
    name: truth.id, type: 'model', capabilities: CAPABILITIES[truth.kind], callTimeoutMs: STORE_TIMEOUT_MS,
    location: truth.location.name, describe: `place ${truth.id}`,
    probe: async () => [],
    read: async () => truth.read(),
    stage: async (attempt, value) => truth.stage(attempt, value),
    promote: async (request) => truth.promote(request, 0),
    retire: async (select, why) => truth.retire(select, why),
  };
}
