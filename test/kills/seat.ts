/** A place where a worker runs: whenever it ends, another one is started there, as a service manager would do. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../../src/demo/process.ts';
import { LAUNCHER } from '../support/cli.ts';

export interface Step {
  readonly credential: string;
  readonly rotation: string;
  readonly to: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface OwnEnd {
  readonly worker: string;
  readonly how: string;
  readonly at: number;
  readonly lastWords: string;
}

export interface SeatOptions {
  readonly name: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  readonly logFile: string;
  readonly onStep: (seat: Seat, step: Step) => void;
  /** A worker ended although nobody killed it. */
  readonly onOwnEnd: (end: OwnEnd) => void;
}

/** After an end of its own, before the next start. */
const AGAIN_MS = 300;
const LAST_WORDS = 6;
/** Who is neither up by then nor gone hangs: nobody would start another one. */
const UP_WITHIN_MS = 120_000;

export class Seat {
  readonly name: string;
  readonly dataDir: string;
  readonly #options: SeatOptions;
  readonly #log: WriteStream;
  #child: Child | null = null;
  #wanted = false;
  /** Until then nobody is started here. */
  #held: Promise<void> | null = null;
  #killed = false;
  #frozen = false;
  #upSince: number | null = null;
  #begunAt = 0;
  #startMs = 1_000;
  #lastStep: Step | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SeatOptions) {
    this.name = options.name;
    this.dataDir = options.dataDir;
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
  }

  get pid(): number | null { return this.#child?.ended === false ? this.#child.pid : null; }
  get frozen(): boolean { return this.#frozen; }
  /** Epoch milliseconds since when the worker here says that it is up; null while it starts. */
  get upSince(): number | null { return this.#upSince; }
  /** How long the last start that ended well took, milliseconds. */
  get startMs(): number { return this.#startMs; }
  /** The last transition that the worker here wrote, if any. */
  get lastStep(): Step | null { return this.#lastStep; }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#running = this.#keepRunning();
  }

  async #keepRunning(): Promise<void> {
    while (this.#wanted) {
      if (this.#held !== null) {
        await this.#held;
        continue;
      }
      [this.#killed, this.#frozen, this.#upSince, this.#lastStep] = [false, false, null, null];
      this.#begunAt = Date.now();
      const { name, cwd, env, dataDir } = this.#options;
      const child = startChild({ name, module: LAUNCHER, args: ['up'], cwd, env: { ...env, KEYTURN_DATA_DIR: dataDir }, onLine: (line) => this.#heard(line) });
      this.#child = child;
      const hanging = setTimeout(() => this.#hangs(child), UP_WITHIN_MS);
      const how = await child.gone;
      clearTimeout(hanging);
      this.#upSince = null;
      if (this.#killed || !this.#wanted) continue;
      this.#options.onOwnEnd({ worker: name, how, at: Date.now(), lastWords: child.lines.slice(-LAST_WORDS).join('\n') });
      await sleep(AGAIN_MS);
    }
  }

  #hangs(child: Child): void {
    if (this.#upSince !== null || this.#frozen || child.ended) return;
    const how = `neither up nor gone after ${UP_WITHIN_MS / 1_000} s`;
    this.#options.onOwnEnd({ worker: this.name, how, at: Date.now(), lastWords: child.lines.slice(-LAST_WORDS).join('\n') });
    void this.kill();
  }

  #heard(line: string): void {
    this.#log.write(`${line}\n`);
    const said = parsed(line);
    if (said?.['msg'] === 'up') [this.#upSince, this.#startMs] = [Date.now(), Date.now() - this.#begunAt];
    const { credential, rotation, to } = said ?? {};
    if (typeof credential !== 'string' || typeof rotation !== 'string' || typeof to !== 'string') return;
    this.#lastStep = { credential, rotation, to, at: Date.now() };
    this.#options.onStep(this, this.#lastStep);
  }

  /** SIGKILL; another worker is started at once. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.ended) return;
    this.#killed = true;
    child.kill('SIGKILL');
    await child.gone;
  }

  /** Kills the worker, and has none started here before what it answers is called. */
  async hold(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    await this.kill();
    return () => {
      this.#held = null;
      resolve();
    };
  }

  freeze(): void {
    this.#frozen = true;
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
    this.#frozen = false;
  }

  /** Stops for good. Says how the worker ended. */
  async stop(graceMs: number): Promise<string> {
    this.#wanted = false;
    if (this.#frozen) this.thaw();
    const how = (await this.#child?.stop(graceMs)) ?? 'never started';
    await this.#running;
    await new Promise((resolve) => this.#log.end(resolve));
    return how;
  }
}

function parsed(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null; // cut off by a kill
  }
}
