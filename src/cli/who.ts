/** Who types: the audit log's `cli:user@host`. */
import { hostname, userInfo } from 'node:os';

export function typist(): string {
  return `cli:${user()}@${hostname()}`;
}

/** A container may run under a user id that has no name. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
