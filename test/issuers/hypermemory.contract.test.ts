import { Secret } from '../../src/core/secret.ts';
import { startSandbox, type FaultRule } from '../../src/sandbox/index.ts';
import { runIssuerContract, type IssuerHarness, type Trouble } from '../contracts/issuer.ts';
import { always, issuerOf, liveNames } from './on-sandbox.ts';

const TROUBLES: Readonly<Record<Trouble, readonly FaultRule[]>> = {
  none: [],
  'lost-answer': [always({ kind: 'drop-after' })],
  'rate-limit': [always({ kind: 'status', status: 429, body: { detail: 'slow down' }, retryAfter: 10 })],
  html: [always({ kind: 'html', status: 200 })],
  error: [always({ kind: 'status', status: 500, body: { detail: 'trouble' } })],
  slow: [always({ kind: 'delay', ms: 10_000 })],
};

const BY_GENERATION = {
  1: { writing: ['memory:write'], reading: ['memory:read'], space: null },
  2: { writing: ['owner'], reading: ['member'], space: 'main' },
} as const;

async function harness(generation: 1 | 2): Promise<IssuerHarness> {
  const sandbox = await startSandbox({ generation, plan: 'developer' });
  const { writing, reading, space } = BY_GENERATION[generation];
  const options = { generation, plan: 'Developer' } as const;
  const weak = await sandbox.mintKey({ name: 'ops-readonly', scopes: reading, graph_id: space });
  return {
    issuer: issuerOf(sandbox, options),
    stranger: issuerOf(sandbox, { ...options, adminKey: () => Promise.resolve(new Secret(`hm_live_${'0'.repeat(40)}`)) }),
    underprivileged: issuerOf(sandbox, { ...options, adminKey: () => Promise.resolve(new Secret(weak.key)) }),
    wish: { scopes: writing, space },
    lesserScopes: reading,
    liveNames: () => liveNames(sandbox),
    fillUp: async () => {
      for (let used = (await liveNames(sandbox)).length; used < 5; used += 1) await sandbox.mintKey({ name: `filler-${used}`, scopes: reading });
    },
    trouble: (kind) => sandbox.setFaults(TROUBLES[kind]),
    close: () => sandbox.close(),
  };
}

runIssuerContract('hypermemory, first generation', () => harness(1));
runIssuerContract('hypermemory, second generation', () => harness(2));
