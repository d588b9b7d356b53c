/** `keyturn sandbox` as a process of its own, for tests that kill it: `node child.ts [data directory]`. */
import { runSandboxCommand } from '../../src/sandbox/index.ts';

const dataDir = process.argv[2];
await runSandboxCommand(dataDir === undefined ? {} : { dataDir });
