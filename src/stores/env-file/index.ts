export { createEnvFileStore } from './store.ts';
export type { EnvFileOptions } from './options.ts';
