export { createSecretsManagerStore } from './store.ts';
export type { SecretsManagerOptions } from './options.ts';
