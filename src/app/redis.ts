import { Cluster, Redis } from 'ioredis';
import type { Config } from '../config/index.ts';
import type { Secret } from '../core/secret.ts';
import { redisFromUrl, type RedisFactory } from '../queue/index.ts';
import type { Resolve } from './registry.ts';

const RETRY_AT_MOST_MS = 2_000;

function retryStrategy(times: number): number {
  return Math.min(times * 100, RETRY_AT_MOST_MS);
}

/** How to reach the queue's Redis: by URL, Sentinel or Cluster; null where BullMQ runs on the ledger's database. */
export async function redisFactory(config: Config['redis'], redisUrl: Secret | null, resolve: Resolve): Promise<RedisFactory | null> {
  const password = config.password === undefined ? undefined : (await resolve(config.password)).reveal();
  const common = { maxRetriesPerRequest: null, connectionName: 'keyturn', retryStrategy, ...(password === undefined ? {} : { password }), ...(config.tls ? { tls: {} } : {}) };
  if (config.sentinel !== undefined) {
    const { master, nodes } = config.sentinel;
    return () => new Redis({ ...common, name: master, sentinels: [...nodes], ...(config.tls ? { enableTLSForSentinelMode: true } : {}) });
  }
  if (config.cluster !== undefined) {
    const { nodes } = config.cluster;
    return () => new Cluster([...nodes], { clusterRetryStrategy: retryStrategy, redisOptions: common });
  }
  const url = config.url === undefined ? redisUrl : await resolve(config.url);
  return url === null ? null : redisFromUrl(url.reveal());
}
