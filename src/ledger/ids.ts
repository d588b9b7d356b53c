import { monotonicFactory } from 'ulid';

const next = monotonicFactory();

/** A new ULID: unique, and sorted by when this process made it. */
export function newId(): string {
  return next();
}
