/** What the sandbox saw, asked over its inspection endpoint: the demo's judge, which knows nothing of Keyturn. */
import type { FaultReport, FaultRule, Inspection, KeyLife } from '../sandbox/index.ts';

export interface Inspector {
  /** Every key that was ever minted for anybody but the sandbox's own admin, oldest first. */
  keys(): Promise<readonly KeyLife[]>;
  /** Replaces the faults; an empty list ends them. */
  setFaults(rules: readonly FaultRule[]): Promise<void>;
  /** How many requests the rule of this name struck. */
  struck(name: string): Promise<number>;
}

const TIMEOUT_MS = 5_000;

export function inspectorOf(sandboxUrl: string): Inspector {
  const ask = async <T>(path: string, body?: unknown): Promise<T> => {
    const sent = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${sandboxUrl}/__sandbox${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS), ...sent });
    if (!response.ok) throw new Error(`the sandbox's inspection answered ${response.status} to ${path}`);
    return (await response.json()) as T;
  };
  return {
    keys: async () => (await ask<Inspection>('/keys')).keys.filter((key) => key.origin !== 'bootstrap'),
    setFaults: async (rules) => void (await ask('/faults', rules)),
    struck: async (name) => (await ask<FaultReport>('/faults')).faults.find(({ rule }) => rule.name === name)?.struck ?? 0,
  };
}
