/** What a command is: a row of data that commander and docs/cli.md are both made from, and what it does. */
import type { Client, ClientOptions } from '../api/client.ts';
import type { Env } from '../config/environment.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Actor } from '../core/vocabulary.ts';
import type { Terminal } from './terminal.ts';

export const GROUPS = ['Set up', 'Look', 'Change', 'Try out'] as const;

export interface CommandSpec {
  /** One or two words: `rotations show`. */
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  readonly summary: string;
  /** More of it, for `--help` and docs/cli.md. */
  readonly details?: string;
  /** As commander writes them: `<credential...>`, `[channel]`. */
  readonly args?: readonly Described[];
  readonly options?: readonly Described[];
  /** Exit codes other than the usual, by number. */
  readonly exits?: Readonly<Record<number, string>>;
  /** What else can be done when it fails with one of these. */
  readonly hints?: Readonly<Partial<Record<ErrorCode, string>>>;
  /** Gives the exit code. Imports what is heavy inside, so that other commands start light. */
  run(cli: Cli, given: Given): Promise<number>;
}

/** How an argument or option is written, and what it means. */
export type Described = readonly [form: string, about: string];

/** What was typed. */
export interface Given {
  readonly args: readonly string[];
  text(option: string): string | undefined;
  /** Of an option that may be given several times. */
  list(option: string): readonly string[];
  flag(option: string): boolean;
  /** True for an option that is on unless `--no-…` takes it away, and was taken away. */
  off(option: string): boolean;
}

/** What every command can use. */
export interface Cli {
  readonly out: Terminal;
  readonly json: boolean;
  readonly env: Env;
  /** The configuration file: `--config`, $KEYTURN_CONFIG or `keyturn.yaml`. */
  readonly configPath: string;
  /** True when a worker was named outright: then no other answer will do. */
  readonly pointed: boolean;
  /** A client of the worker that this command line points at; connects with its first request. */
  worker(options?: ClientOptions): Promise<Client>;
  /** Who types this, with their reason. */
  actor(why: string): Actor;
}
