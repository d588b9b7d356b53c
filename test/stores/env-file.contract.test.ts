import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEnvFileStore, type EnvFileOptions } from '../../src/stores/env-file/index.ts';
import { FIRST_VALUE, NEIGHBOUR_VALUE, runStoreContract, type ContractPlace, type StoreHarness } from '../contracts/store.ts';

const OURS = /^(export )?(HYPERMEMORY_API_KEY|OTHER_KEY)(_BACKUP)?=/;

function place(path: string, variable: string, options: Partial<EnvFileOptions> = {}): ContractPlace {
  return {
    store: createEnvFileStore({ name: 'env', path, variable, ...options }),
    async reads() {
      const lines = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split(/\r?\n/);
      return lines.findLast((line) => line.startsWith(`${variable}=`))?.slice(variable.length + 1) ?? null;
    },
  };
}

/** Files that nothing can be published to, each holding a value that no error may tell. */
function brokenStores(directory: string): StoreHarness['broken'] {
  const at = (name: string): string => join(directory, name);
  mkdirSync(at('directory'));
  writeFileSync(at('binary'), `KEY=${FIRST_VALUE}\0`);
  writeFileSync(at('computed'), `KEY="${FIRST_VALUE}$(x)"`);
  writeFileSync(at('damaged'), `KEY=${FIRST_VALUE}`);
  writeFileSync(at('.damaged.keyturn-KEY'), `{"staged":[{"attempt":"a","value":"${FIRST_VALUE}`);
  const store = (name: string) => createEnvFileStore({ name, path: at(name), variable: 'KEY' });
  return [
    ...['directory', 'binary', 'computed', 'damaged'].map((name) => ({ how: name, store: store(name) })),
    { how: 'missing', store: store('missing'), writesOnly: true },
    { how: 'missing directory', store: store('none/missing'), writesOnly: true },
  ];
}

function makeHarness(options: Partial<EnvFileOptions>): () => Promise<StoreHarness> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keyturn-env-'));
    const path = join(directory, 'app.env');
    writeFileSync(path, `# the application\r\nPORT=8080\r\nHYPERMEMORY_API_KEY=${FIRST_VALUE}\r\n\r\nOTHER_KEY=${NEIGHBOUR_VALUE}\r\nLAST='caf\u00e9'`);
    chmodSync(path, 0o640);
    return {
      place: place(path, 'HYPERMEMORY_API_KEY', options),
      neighbour: place(path, 'OTHER_KEY', options),
      empty: place(join(directory, 'new.env'), 'KEY', { ...options, createIfMissing: true }),
      bystanders: async () => readFileSync(path, 'utf8').split('\n').filter((line) => !OURS.test(line)),
      editOutside: async () => writeFileSync(path, readFileSync(path, 'utf8').replace('PORT=8080', 'PORT=9090\r\nADDED=1')),
      broken: brokenStores(directory),
      close: async () => rmSync(directory, { recursive: true }),
    };
  };
}

runStoreContract('env-file', makeHarness({}));
runStoreContract('env-file without a backup variable', makeHarness({ backupVariable: null }));
