/** What a pause or its end is about. */
import type { PauseRequest } from '../app/operations.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Given } from './command.ts';

/** Exactly one of a credential, --issuer and --all. Throws USAGE. */
export function scopeOf(given: Given): PauseRequest {
  const [credential, issuer] = [given.args[0], given.text('issuer')];
  const named: PauseRequest[] = [
    ...(credential === undefined ? [] : [{ scope: 'credential', name: credential } as const]),
    ...(issuer === undefined ? [] : [{ scope: 'issuer', name: issuer } as const]),
    ...(given.flag('all') ? [{ scope: 'all', name: null } as const] : []),
  ];
  const [only] = named;
  if (only === undefined || named.length > 1) {
    throw new KeyturnError('USAGE', 'Say what: one credential, one --issuer, or --all.', { todo: 'For example `keyturn pause prod-api-server --reason "…"`.' });
  }
  return only;
}

export function scopeText(request: PauseRequest): string {
  return request.scope === 'all' ? 'everything' : `${request.scope} ${request.name}`;
}
