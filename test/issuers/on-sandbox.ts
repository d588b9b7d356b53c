import { Secret } from '../../src/core/secret.ts';
import { createHyperMemoryIssuer, type HyperMemoryOptions } from '../../src/issuers/hypermemory/index.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { FaultEffect, FaultRule, RunningSandbox } from '../../src/sandbox/index.ts';

/** An issuer of that sandbox, by its own admin key unless told otherwise. */
export function issuerOf(sandbox: RunningSandbox, more: Partial<HyperMemoryOptions> = {}): Issuer {
  return createHyperMemoryIssuer({
    name: 'sandbox',
    baseUrl: sandbox.url,
    adminKey: () => Promise.resolve(new Secret(sandbox.adminKey)),
    generation: 1,
    timeoutMs: 5_000,
    listLagMs: 0,
    ...more,
  });
}

export async function liveNames(sandbox: RunningSandbox): Promise<readonly string[]> {
  return (await sandbox.inspect()).keys.filter((key) => key.status === 'active').map((key) => key.name);
}

export function always(effect: FaultEffect, match: NonNullable<FaultRule['match']> = {}): FaultRule {
  return { effect, match };
}
