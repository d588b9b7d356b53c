/** The three runtimes, each with services of its own: one PostgreSQL server for all, with a database for each opening. */
import { Client } from 'pg';
import { RUNTIME_NAMES, lacking, type RuntimeName, type Skip } from '../benchmark.ts';
import { cpuSeconds } from './proc.ts';
import { startPostgres, startRedis, type Service } from './services.ts';

export interface Runtime {
  readonly name: RuntimeName;
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  /** Processor seconds of its servers so far; 0 for the embedded one, which has none. */
  serverCpu(): number;
  close(): Promise<void>;
}

export class Runtimes {
  /** Those that are asked for. */
  readonly names: readonly RuntimeName[];
  #postgres: Promise<Service | null> | null = null;
  #databases = 0;

  constructor(names: readonly RuntimeName[] = RUNTIME_NAMES) {
    this.names = names;
  }

  /** Starts what a runtime needs, or says which programs are missing. */
  async open(name: RuntimeName): Promise<Runtime | { readonly missing: string }> {
    if (name === 'embedded') return { name, databaseUrl: null, redisUrl: null, serverCpu: () => 0, close: async () => undefined };
    this.#postgres ??= startPostgres();
    const postgres = await this.#postgres;
    const redis = name === 'redis' ? await startRedis() : null;
    const missing = [postgres === null ? 'PostgreSQL' : '', name === 'redis' && redis === null ? 'redis-server' : ''].filter((one) => one !== '');
    if (postgres === null || missing.length > 0) {
      await redis?.stop();
      return { missing: missing.join(' and ') };
    }
    const servers = redis === null ? [postgres] : [postgres, redis];
    const database = `bench_${(this.#databases += 1)}`;
    await execute(postgres.url, `create database ${database}`);
    return {
      name, databaseUrl: postgres.url.replace(/[^/]+$/, database), redisUrl: redis?.url ?? null,
      serverCpu: () => servers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
      async close() {
        await redis?.stop();
        await execute(postgres.url, `drop database ${database} with (force)`);
      },
    };
  }

  /** Runs `measure` on each runtime asked for; one that is missing or fails keeps no other from being measured. */
  async each<T>(names: readonly RuntimeName[], label: string, measure: (runtime: Runtime) => Promise<readonly T[]>): Promise<(T | Skip)[]> {
    const results: (T | Skip)[] = [];
    for (const name of names.filter((one) => this.names.includes(one))) {
      const runtime = await this.open(name);
      if ('missing' in runtime) {
        results.push(lacking(label, name, runtime.missing));
        continue;
      }
      try {
        results.push(...(await measure(runtime)));
      } catch (error) {
        results.push({ case: label, runtime: name, why: error instanceof Error ? (error.stack ?? error.message) : String(error), failed: true });
      } finally {
        await runtime.close();
      }
    }
    return results;
  }

  async close(): Promise<void> {
    await (await this.#postgres)?.stop();
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
