import type { FaultRule } from './faults/schema.ts';
import { SandboxError } from './errors.ts';
import { PLANS } from './plans.ts';
import type { Environment, Generation, Limits, Plan } from './plans.ts';

export interface SandboxOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Default `127.0.0.1`. Elsewhere, the inspection API still answers only to this machine. */
  readonly host?: string;
  /** Where state and `admin.key` live; without it everything is in memory. */
  readonly dataDir?: string;
  /** Default `developer`. Not remembered in the data directory. */
  readonly plan?: Plan;
  /** Single limits that differ from the plan's; null is unlimited. */
  readonly limits?: Partial<Limits>;
  /** Whether the bootstrap admin key takes one of the plan's slots. Default true, as at HyperMemory. */
  readonly adminKeyCounts?: boolean;
  /** Rules, or the path of a YAML or JSON file of rules. */
  readonly faults?: readonly FaultRule[] | string;
  /** Added to every API request before it has any effect, milliseconds. */
  readonly latencyMs?: number;
  /** The value of the bootstrap admin key; minted when absent, and kept in `admin.key`. */
  readonly adminKey?: string;
  /** Whether keys read `hm_live_` or `hm_test_`. Default `live`. */
  readonly environment?: Environment;
  /** Which generation of the documentation to follow: scopes, key form, what counts. Default 1. */
  readonly generation?: Generation;
  /** How many events the audit log keeps. Default 200,000. */
  readonly auditCap?: number;
  /** Whether `GET /v1/api-keys` lists revoked keys too (with `status: revoked`). Default true. */
  readonly listRevoked?: boolean;
  /** The clock, epoch milliseconds: for tests. */
  readonly now?: () => number;
}

export const DEFAULTS = { plan: 'developer', environment: 'live', generation: 1, host: '127.0.0.1', auditCap: 200_000 } as const;

const LONGEST_LATENCY_MS = 600_000;

/** Refuses options that a caller without types (the command line) may have got wrong. */
export function checkOptions(options: SandboxOptions): void {
  const wrong =
    oneOf('plan', options.plan, Object.keys(PLANS)) ??
    oneOf('environment', options.environment, ['live', 'test']) ??
    oneOf('generation', options.generation, [1, 2]) ??
    within('port', options.port, 0, 65_535) ??
    within('latencyMs', options.latencyMs, 0, LONGEST_LATENCY_MS) ??
    within('auditCap', options.auditCap, 1, Number.MAX_SAFE_INTEGER) ??
    // The rest of the value is never quoted back.
    (options.adminKey === undefined || /^hm_\S{5,}$/.test(options.adminKey) ? undefined : 'adminKey must begin with hm_ and hold no space');
  if (wrong !== undefined) throw new SandboxError('OPTION_INVALID', `The sandbox cannot start: ${wrong}.`);
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): string | undefined {
  return value === undefined || allowed.includes(value) ? undefined : `${name} is ${JSON.stringify(value)}, and must be one of ${allowed.join(', ')}`;
}

function within(name: string, value: number | undefined, low: number, high: number): string | undefined {
  return value === undefined || (Number.isInteger(value) && value >= low && value <= high)
    ? undefined
    : `${name} is ${value}, and must be a whole number from ${low} to ${high}`;
}
