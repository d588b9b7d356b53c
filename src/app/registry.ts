/**
 * Every plug-in, listed. The only place that knows them all: a definition of the configuration becomes the plug-in by
 * its type. Options are what the configuration schema validated; secrets stay references until they are used.
 */
import type { PlaceDefinition, PluginDefinition, SecretRef } from '../core/plan.ts';
import type { Secret } from '../core/secret.ts';
import { createEmailChannel } from '../channels/email/index.ts';
import { createSlackChannel } from '../channels/slack/index.ts';
import { createHttpCheck } from '../checks/http/index.ts';
import { createIssuerCheck } from '../checks/issuer/index.ts';
import type { ChannelConfig, CheckConfig, HookConfig, IssuerConfig, PlaceConfig, StoreConfig } from '../config/index.ts';
import { createCommandHook } from '../hooks/command/index.ts';
import { createHttpHook } from '../hooks/http/index.ts';
import { createHyperMemoryIssuer } from '../issuers/hypermemory/index.ts';
import type { Channel } from '../ports/channel.ts';
import type { ApplicationCheck, KeyCheck, ReloadHook } from '../ports/check.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { SecretStore } from '../ports/store.ts';
import { createSecretsManagerStore } from '../stores/aws-secrets-manager/index.ts';
import { createEnvFileStore } from '../stores/env-file/index.ts';

/** Reads a reference when it is needed. */
export type Resolve = (ref: SecretRef) => Promise<Secret>;

type Options<C, T extends string> = Omit<Extract<C, { type: T }>, 'type'>;
type Of<C extends { type: string }, Made, Extra extends unknown[] = []> = {
  readonly [T in C['type']]: (name: string, options: Options<C, T>, resolve: Resolve, ...extra: Extra) => Made;
};

export const ISSUERS: Of<IssuerConfig, Issuer> = {
  hypermemory: (name, { adminKey, timeout: timeoutMs, listLag: listLagMs, pacing: _pacing, ...options }, resolve) =>
    createHyperMemoryIssuer({ name, ...defined(options), timeoutMs, listLagMs, adminKey: () => resolve(adminKey) }),
};

export const STORES: Of<StoreConfig, SecretStore, [PlaceConfig]> = {
  'aws-secrets-manager': (name, { timeout: callTimeoutMs, ...options }, _resolve, place) =>
    createSecretsManagerStore({ name, ...defined(options), callTimeoutMs, secretId: place.secretId ?? '', ...(place.field === undefined ? {} : { field: place.field }) }),
  'env-file': (name, { timeout: callTimeoutMs, path, ...options }, _resolve, place) =>
    createEnvFileStore({ name, ...defined(options), callTimeoutMs, path: place.path ?? path ?? '', variable: place.variable ?? 'HYPERMEMORY_API_KEY', ...backup(place) }),
};

function backup({ backupVariable }: PlaceConfig): { backupVariable?: string | null } {
  if (backupVariable === undefined) return {};
  return { backupVariable: backupVariable === 'none' ? null : backupVariable };
}

/** What a key check must know of its credential. */
export interface CheckedKey {
  readonly issuer: Issuer;
  readonly scopes: readonly string[];
  readonly space: string | null;
}

export type OpenedCheck = { readonly of: 'key'; readonly check: KeyCheck } | { readonly of: 'application'; readonly check: ApplicationCheck };

export const CHECKS: Of<CheckConfig, OpenedCheck, [CheckedKey]> = {
  issuer: (name, { canary, timeout: timeoutMs }, _resolve, key) => ({ of: 'key', check: createIssuerCheck({ name, canary, timeoutMs, ...key }) }),
  http: (name, { timeout: timeoutMs, interval: intervalMs, deadline: deadlineMs, headers, ...options }, resolve) => ({
    of: 'application',
    check: createHttpCheck({ name, ...defined(options), timeoutMs, intervalMs, deadlineMs, headers: resolved(headers ?? {}, resolve) }),
  }),
};

function resolved(headers: Readonly<Record<string, string | SecretRef>>, resolve: Resolve): Record<string, string | (() => Promise<Secret>)> {
  return Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, typeof value === 'string' ? value : () => resolve(value)]));
}

export const HOOKS: Of<HookConfig, ReloadHook> = {
  http: (name, { secret, timeout: timeoutMs, interval: intervalMs, ...options }, resolve) =>
    createHttpHook({ name, ...options, timeoutMs, intervalMs, secret: () => resolve(secret) }),
  command: (name, { timeout: timeoutMs, ...options }) => createCommandHook({ name, ...defined(options), timeoutMs }),
};

export const CHANNELS: Of<ChannelConfig, Channel> = {
  slack: (name, { token, timeout: timeoutMs, ...options }, resolve) => createSlackChannel({ name, ...defined(options), timeoutMs, token: () => resolve(token) }),
  email: (name, { password, timeout: timeoutMs, ...options }, resolve) =>
    createEmailChannel({ name, ...defined(options), timeoutMs, ...(password === undefined ? {} : { password: () => resolve(password) }) }),
};

/** Leaves out what is undefined, as `exactOptionalPropertyTypes` wants it. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

type Opener<Made, Extra extends unknown[]> = (name: string, options: never, resolve: Resolve, ...extra: Extra) => Made;

/** Opens a definition by its type. Throws for a type that this version does not know: a plan of a newer one. */
export function open<Made, Extra extends unknown[]>(openers: Readonly<Record<string, Opener<Made, Extra>>>, definition: PluginDefinition, resolve: Resolve, ...extra: Extra): Made {
  const opener = openers[definition.type];
  if (opener === undefined) throw new Error(`no plug-in of type ${definition.type} (of ${definition.name}) in this version`);
  return opener(definition.name, definition.options as never, resolve, ...extra);
}

export function openPlace(place: PlaceDefinition, resolve: Resolve): SecretStore {
  return open(STORES, place.store, resolve, place.place as PlaceConfig);
}
