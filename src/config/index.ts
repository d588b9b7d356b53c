/**
 * Configuration: one schema, one loader, the only reader of the process's environment. The loader itself is not here: load.ts
 * brings the parser and the schema, which a running worker leaves to the process that reads (read.ts).
 */
export { alertSettings, type AlertSection } from './alerts.ts';
export { proxyEnvironment, readEnvironment, type Env, type Environment } from './environment.ts';
export type { Config, LoadedConfig, LoadOptions, Settings } from './load.ts';
export { channelDefinitions, issuerDefinitions, leakDefinitions, planCredentials, pushSources, usageDefinitions, type PushSource } from './plan.ts';
export { ConfigError } from './problems.ts';
export { createConfigHolder, type ConfigHolder, type ReloadResult } from './reload.ts';
export { channelsFor, explainRoute, summaryFor, type RouteLine, type Routed, type Subject } from './routes.ts';
export { ruleSettings } from './rules.ts';
export { LARGEST_LEAK_BODY } from './schema/limits.ts';
export type { RedisConfig } from './schema/service.ts';
export { isSecretRef, resolveSecret } from './secrets.ts';
export type { HeartbeatConfig } from './schema/heartbeat.ts';
export { formatDuration, parseDuration } from './duration.ts';
