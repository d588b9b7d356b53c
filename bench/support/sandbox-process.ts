/** The sandbox in a process of its own, so that its work is not taken for Keyturn's. Ends with the process that forked it. */
import { startSandbox } from '../../src/sandbox/index.ts';

const sandbox = await startSandbox({ plan: 'pro', limits: { keys: null, requestsPerWindow: null, queries: null }, latencyMs: Number(process.argv[2]) });
process.once('disconnect', () => void sandbox.close().then(() => process.exit(0)));
process.send?.({ url: sandbox.url, adminKey: sandbox.adminKey });
