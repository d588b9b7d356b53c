/**
 * Every plug-in, listed: the only place that knows them all. A definition becomes the plug-in by its type. Options are
 * what the configuration schema validated, under the plug-ins' own names; secrets are references until they are used.
 */
import { createEmailChannel, type EmailChannelOptions } from '../channels/email/index.ts';
import { createSlackChannel, type SlackChannelOptions } from '../channels/slack/index.ts';
import { createWebhookChannel, type WebhookChannelOptions } from '../channels/webhook/index.ts';
import { createHttpCheck, type HttpCheckOptions } from '../checks/http/index.ts';
import { createIssuerCheck, type IssuerCheckOptions } from '../checks/issuer/index.ts';
import { isSecretRef, proxyEnvironment } from '../config/index.ts';
import type { PlaceDefinition, PluginDefinition, SecretRef } from '../core/plan.ts';
import type { Secret } from '../core/secret.ts';
import { createCommandHook, type CommandHookOptions } from '../hooks/command/index.ts';
import { createHttpHook, type HttpHookOptions } from '../hooks/http/index.ts';
import { createHyperMemoryIssuer, type HyperMemoryOptions } from '../issuers/hypermemory/index.ts';
import { createGitGuardianSource, type GitGuardianOptions } from '../leaks/gitguardian/index.ts';
import { createGitHubLeakSource, type GitHubLeakOptions } from '../leaks/github/index.ts';
import { createGitHubPartnerSource, type GitHubPartnerOptions } from '../leaks/github-partner/index.ts';
import { createSignedLeakSource, type SignedLeakOptions } from '../leaks/signed/index.ts';
import { createTruffleHogSource, type TruffleHogOptions } from '../leaks/trufflehog/index.ts';
import type { Channel, TakePlaces } from '../ports/channel.ts';
import type { ApplicationCheck, KeyCheck, ReloadHook } from '../ports/check.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { LeakSource } from '../ports/leak-source.ts';
import type { SecretStore } from '../ports/store.ts';
import type { UsageSource } from '../ports/usage-source.ts';
import { createAccessLogSource, type AccessLogOptions } from '../sources/access-log/index.ts';
import { createIssuerSource } from '../sources/issuer/index.ts';
import { createPrometheusSource, type PrometheusOptions } from '../sources/prometheus/index.ts';
import { createSecretsManagerStore, type SecretsManagerOptions } from '../stores/aws-secrets-manager/index.ts';
import { createEnvFileStore, type EnvFileOptions } from '../stores/env-file/index.ts';

/** Reads a reference when it is needed. */
export type Resolve = (ref: SecretRef) => Promise<Secret>;

/** What a key check must know of its credential. */
export interface CheckedKey {
  readonly issuer: Issuer;
  readonly scopes: readonly string[];
  readonly space: string | null;
}

export type OpenedCheck = { readonly of: 'key'; readonly check: KeyCheck } | { readonly of: 'application'; readonly check: ApplicationCheck };

/** `options` have every reference turned into a function that reads it. */
type Opener<Made, Extra extends unknown[] = []> = (options: never, ...extra: Extra) => Made;
type Openers<Made, Extra extends unknown[] = []> = Readonly<Record<string, Opener<Made, Extra>>>;

export const ISSUERS: Openers<Issuer> = {
  hypermemory: (options: HyperMemoryOptions) => createHyperMemoryIssuer(options),
};

export const STORES: Openers<SecretStore> = {
  'aws-secrets-manager': (options: SecretsManagerOptions) => createSecretsManagerStore({ ...options, ...viaProxy() }),
  'env-file': (options: EnvFileOptions) => createEnvFileStore(options),
};

function viaProxy(): Pick<SecretsManagerOptions, 'proxyEnv'> {
  const proxyEnv = proxyEnvironment();
  return proxyEnv === undefined ? {} : { proxyEnv };
}

export const CHECKS: Openers<OpenedCheck, [CheckedKey]> = {
  issuer: (options: Omit<IssuerCheckOptions, keyof CheckedKey>, key) => ({ of: 'key', check: createIssuerCheck({ ...options, ...key }) }),
  http: (options: HttpCheckOptions) => ({ of: 'application', check: createHttpCheck(options) }),
};

export const HOOKS: Openers<ReloadHook> = {
  http: (options: HttpHookOptions) => createHttpHook(options),
  command: (options: CommandHookOptions) => createCommandHook(options),
};

export const CHANNELS: Openers<Channel, [TakePlaces]> = {
  slack: (options: SlackChannelOptions, place) => createSlackChannel({ ...options, place }),
  email: (options: EmailChannelOptions) => createEmailChannel(options),
  webhook: (options: WebhookChannelOptions) => createWebhookChannel(options),
};

/** What a usage source needs besides its options. */
export interface SourceContext {
  /** The issuer of that name, shared with rotations: its pace of calls is one. */
  readonly issuer: (name: string) => Issuer;
  /** Of a value found in a log: `textFingerprinter`. */
  readonly fingerprint: (value: string) => string;
}

export const SOURCES: Openers<UsageSource, [SourceContext]> = {
  issuer: ({ name, issuer }: { readonly name: string; readonly issuer: string }, context) => createIssuerSource({ name, issuer: context.issuer(issuer) }),
  'access-log': (options: Omit<AccessLogOptions, 'fingerprint'>, { fingerprint }) => createAccessLogSource({ ...options, fingerprint }),
  prometheus: (options: Omit<PrometheusOptions, 'fingerprint'>, { fingerprint }) => createPrometheusSource({ ...options, fingerprint }),
};

export const LEAK_SOURCES: Openers<LeakSource> = {
  github: (options: GitHubLeakOptions) => createGitHubLeakSource(options),
  'github-partner': (options: GitHubPartnerOptions) => createGitHubPartnerSource(options),
  gitguardian: (options: GitGuardianOptions) => createGitGuardianSource(options),
  signed: (options: SignedLeakOptions) => createSignedLeakSource(options),
  trufflehog: (options: TruffleHogOptions) => createTruffleHogSource(options),
};

/** Opens a definition by its type. Throws for a type that this version does not know: a plan of a newer one. */
export function open<Made, Extra extends unknown[]>(openers: Openers<Made, Extra>, { name, type, options }: PluginDefinition, resolve: Resolve, ...extra: Extra): Made {
  const opener = openers[type];
  if (opener === undefined) throw new Error(`no plug-in of type ${type} (of ${name}) in this version`);
  return opener({ ...(resolvable(options, resolve) as object), name } as never, ...extra);
}

export function openPlace({ store, place }: PlaceDefinition, resolve: Resolve): SecretStore {
  return open(STORES, { ...store, options: { ...store.options, ...place } }, resolve);
}

/** References, however deep, become functions that read them. */
function resolvable(value: unknown, resolve: Resolve): unknown {
  if (isSecretRef(value)) return () => resolve(value);
  if (Array.isArray(value)) return value.map((item) => resolvable(item, resolve));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolvable(item, resolve)]));
}
