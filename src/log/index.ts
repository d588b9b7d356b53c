/** Logs with pino: one JSON line an event, every registered secret removed where the line leaves the process. */
import { destination as toFile, pino, stdTimeFunctions } from 'pino';
import type { Level, Logger } from 'pino';
import { scrub } from '../core/secret.ts';
import { loggable } from './errors.ts';
import { prettyLine } from './pretty.ts';
import { scrubLine } from './scrub-line.ts';

export type { Logger } from 'pino';

export type LogLevel = Level | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** For people at a terminal: short lines, colours where the terminal has them. */
  readonly pretty?: boolean;
  /** Where lines go, each with its line feed; standard output by default. */
  readonly destination?: { write(line: string): unknown };
}

/**
 * Makes the process's logger. Name what a line is about with `logger.child({ credential, rotation, key })`. Whatever
 * is logged, however deep, passes the scrubbing destination as text: no serializer or transport can get around it.
 */
export function createLogger(options: LoggerOptions): Logger {
  const out = options.destination ?? toFile({ fd: 1, sync: true });
  // What people's form of a line puts together anew is looked through once more.
  const form = options.pretty === true ? (line: string): string => scrub(prettyLine(line)) : (line: string): string => line;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }), log: loggable, bindings: loggable },
      // `loggable` has made errors plain already; pino's own serializer would take them apart again
      serializers: { err: (error: unknown) => error },
    },
    { write: (line) => void out.write(form(scrubLine(line))) },
  );
}
