export type { QueueEvents } from './lanes.ts';
export { openQueue, type QueueOptions } from './open.ts';
export { redisFromUrl, type RedisFactory } from './redis.ts';
