/** From the configuration to plans: all that a rotation needs to know, without secrets. */
import { createHash } from 'node:crypto';
import type { CredentialPlan, PlaceDefinition, PlannedCredential, PluginDefinition, RotationPolicy } from '../core/plan.ts';
import type { ParsedConfig } from './schema.ts';
import { envFilePlace } from './places.ts';
import { channelsFor } from './routes.ts';
import { ruleOverrides } from './rules.ts';
import type { CredentialConfig } from './schema/credentials.ts';
import { policy as policySchema, type PolicyConfig } from './schema/policies.ts';
import type { PlaceConfig, StoreConfig } from './schema/stores.ts';
import type { UsageSourceConfig } from './schema/usage.ts';

/** The part of a configuration that plans are made of. */
type Plannable = Pick<ParsedConfig, 'issuers' | 'stores' | 'checks' | 'hooks' | 'channels' | 'routes' | 'policies' | 'credentials'>;

/** Durations are milliseconds by now, and plug-ins name them so. */
const RENAMED: Readonly<Record<string, string>> = { timeout: 'timeoutMs', interval: 'intervalMs', deadline: 'deadlineMs', listLag: 'listLagMs', lag: 'lagMs', lateness: 'latenessMs', pace: 'paceMs', tolerance: 'toleranceMs' };
const RENAMED_IN_STORES: Readonly<Record<string, string>> = { timeout: 'callTimeoutMs' };
/** What Keyturn itself reads of an issuer. */
const NOT_AN_OPTION = new Set(['type', 'pacing', 'knownKeys', 'events']);
/** The check that every credential has. */
const IMPLIED_CHECK = { name: 'issuer', type: 'issuer', options: { canary: 'auto', timeoutMs: 15_000 } } as const satisfies PluginDefinition;

/** Every declared credential's plan, in the order of the file. */
export function planCredentials(config: Plannable): readonly PlannedCredential[] {
  return [...eachPlan(config)];
}

/** The same one after the other: a plan is many times what the file says of its credential. */
export function* eachPlan(config: Plannable): Generator<PlannedCredential> {
  for (const [name, credential] of Object.entries(config.credentials)) {
    const plan = planOf(config, name, credential);
    yield { plan, revision: createHash('sha256').update(canonical(plan)).digest('hex') };
  }
}

/** All issuers, also those that no credential names yet. */
export function issuerDefinitions(config: Pick<Plannable, 'issuers'>): readonly PluginDefinition[] {
  return Object.keys(config.issuers).map((name) => definition(config.issuers, name));
}

export function channelDefinitions(config: Pick<Plannable, 'channels'>): readonly PluginDefinition[] {
  return Object.keys(config.channels).map((name) => definition(config.channels, name));
}

/** Usage sources that Keyturn reads. */
export function usageDefinitions({ usage }: Pick<ParsedConfig, 'usage'>): readonly PluginDefinition[] {
  return Object.entries(usage.sources).flatMap(([name, { type }]) => (type === 'push' ? [] : [definition(usage.sources, name)]));
}

export type PushSource = Extract<UsageSourceConfig, { readonly type: 'push' }> & { readonly name: string };

/** Usage sources that others push to; no plug-in reads them. */
export function pushSources({ usage }: Pick<ParsedConfig, 'usage'>): readonly PushSource[] {
  return Object.entries(usage.sources).flatMap(([name, source]) => (source.type === 'push' ? [{ ...source, name }] : []));
}

/** Those who may report leaks. */
export function leakDefinitions({ leaks }: Pick<ParsedConfig, 'leaks'>): readonly PluginDefinition[] {
  return Object.keys(leaks.sources).map((name) => definition(leaks.sources, name));
}

function planOf(config: Plannable, name: string, credential: CredentialConfig): CredentialPlan {
  const issuer = config.issuers[credential.issuer];
  if (issuer === undefined) throw new Error(`credential ${name} has no issuer: the configuration was not checked`);
  const subject = { credential: name, owner: credential.owner ?? null, notify: credential.notify, labels: credential.labels };
  const route = (severity: 'info' | 'warning' | 'critical'): readonly string[] => channelsFor(config, subject, severity);
  return {
    credential: name,
    owner: subject.owner,
    labels: credential.labels ?? {},
    issuer: definition(config.issuers, credential.issuer),
    pacing: issuer.pacing,
    knownKeys: issuer.knownKeys,
    keyName: credential.keyName ?? name,
    scopes: credential.scopes,
    space: credential.graph ?? null,
    environment: credential.environment ?? null,
    adopt: adoption(credential),
    policy: policyOf(config, credential.policy),
    places: placesOf(config, credential.stores),
    checks: checksOf(config, credential.checks ?? []),
    hooks: (credential.hooks ?? []).map((hook) => definition(config.hooks, hook)),
    channels: { info: route('info'), warning: route('warning'), critical: route('critical') },
    ...(credential.notify === undefined ? {} : { notify: credential.notify }),
    ...(credential.rules === undefined ? {} : { rules: ruleOverrides(credential.rules) }),
    ...(credential.protected ? { protected: true } : {}),
  };
}

function adoption({ adopt }: CredentialConfig): CredentialPlan['adopt'] {
  if (adopt?.keyId !== undefined) return { by: 'key-id', value: adopt.keyId };
  return adopt?.name === undefined ? null : { by: 'name', value: adopt.name };
}

function checksOf(config: Plannable, named: readonly string[]): readonly PluginDefinition[] {
  const checks = named.map((check) => definition(config.checks, check));
  return checks.some((check) => check.type === IMPLIED_CHECK.type) ? checks : [IMPLIED_CHECK, ...checks];
}

/** Without a policy a credential is rotated only by hand, with the defaults for everything else. */
function policyOf(config: Plannable, name: string | undefined): RotationPolicy {
  const policy: PolicyConfig = (name === undefined ? undefined : config.policies[name]) ?? policySchema.parse({});
  const { deadlines, window } = policy;
  return {
    name: name ?? 'by-hand',
    cron: policy.cron ?? null,
    timezone: policy.timezone,
    everyMs: policy.every ?? null,
    window: window === undefined ? null : { days: window.days, fromMinute: window.hours.from, toMinute: window.hours.to, timezone: window.timezone ?? policy.timezone },
    overlapMs: policy.overlap,
    quietMs: policy.quiet,
    maxAgeMs: policy.maxAge ?? null,
    jitterMs: policy.jitter,
    strategy: policy.strategy,
    allowDowntime: policy.allowDowntime,
    deadlines: { verifyMs: deadlines.verify, promoteMs: deadlines.promote, confirmMs: deadlines.confirm, stuckMs: deadlines.stuck, retryMs: deadlines.retry },
    ...(policy.drill === undefined ? {} : { drill: policy.drill }),
    ...(policy.onCritical === undefined ? {} : { onCritical: policy.onCritical }),
  };
}

function placesOf(config: Plannable, places: readonly PlaceConfig[]): readonly PlaceDefinition[] {
  const said = places.findIndex((place) => place.record === true);
  const able = places.findIndex((place) => place.record !== false);
  return places.map((place, n) => {
    const store = config.stores[place.store];
    if (store === undefined) throw new Error(`no store ${place.store}: the configuration was not checked`);
    const before = places.slice(0, n).filter((other) => other.store === place.store).length;
    const again = places.filter((other) => other.store === place.store).length > 1;
    return {
      id: again ? `${place.store}/${before + 1}` : place.store,
      store: definition(config.stores, place.store, RENAMED_IN_STORES),
      place: siteOf(place, store),
      ofRecord: n === (said === -1 ? able : said),
    };
  });
}

/** What the credential adds to the store's options. */
function siteOf(place: PlaceConfig, store: StoreConfig): PlaceDefinition['place'] {
  if (store.type === 'env-file') return { ...envFilePlace(place, store) };
  return defined({ secretId: place.secretId, field: place.field });
}

function definition(section: Readonly<Record<string, { readonly type: string }>>, name: string, renamed: Readonly<Record<string, string>> = RENAMED): PluginDefinition {
  const entry = section[name];
  if (entry === undefined) throw new Error(`nothing is called ${name}: the configuration was not checked`);
  const options = Object.entries(entry).filter(([key]) => !NOT_AN_OPTION.has(key));
  return { name, type: entry.type, options: defined(Object.fromEntries(options.map(([key, value]) => [renamed[key] ?? key, value]))) };
}

function defined(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** JSON with the keys in order, so that the order in the file makes no difference. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
