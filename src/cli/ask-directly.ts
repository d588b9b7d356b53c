/** Opens what `plan` and `doctor` need when no worker runs. */
import { ask } from '../app/index.ts';
import type { Questions } from '../app/operations.ts';
import { readEnvironment } from '../config/index.ts';
import { loadConfig } from '../config/load.ts';
import { createLogger } from '../log/index.ts';
import { honourProxies } from './proxy.ts';

export async function askDirectly({ configPath }: { readonly configPath: string }): Promise<Questions & { close(): Promise<void> }> {
  honourProxies();
  const { config, warnings } = await loadConfig(configPath);
  return await ask({ config, warnings, environment: readEnvironment(), log: createLogger({ level: 'silent' }) });
}
