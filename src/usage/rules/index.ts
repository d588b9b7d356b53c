/** The rules that look at usage, in the order in which people read them. Those of keys and issuers are asked elsewhere. */
import type { Finding } from '../../core/finding.ts';
import type { RuleSettings } from '../../core/watching.ts';
import { LATELY_MS } from '../scan/minutes.ts';
import type { Sight } from '../scan/sight.ts';
import { outsideHours, outsideNetworks } from './declared.ts';
import { errorRate, failedAuthentications } from './failures.ts';
import { retiredKeyInUse, revokedKeyTried } from './old-keys.ts';
import type { Look } from './rule.ts';
import { dormantKeyWaking, newNetwork, newUserAgent } from './strangers.ts';
import { requestRate, unusualMetric, unusualTraffic } from './traffic.ts';

const USAGE_RULES = {
  request_rate: requestRate,
  unusual_traffic: unusualTraffic,
  unusual_metric: unusualMetric,
  error_rate: errorRate,
  failed_authentications: failedAuthentications,
  retired_key_in_use: retiredKeyInUse,
  revoked_key_tried: revokedKeyTried,
  dormant_key_waking: dormantKeyWaking,
  new_network: newNetwork,
  new_user_agent: newUserAgent,
  outside_hours: outsideHours,
  outside_networks: outsideNetworks,
} as const satisfies { readonly [Name in keyof RuleSettings]?: Look<Name> };

export type UsageRule = keyof typeof USAGE_RULES;

export function isUsageRule(rule: string): rule is UsageRule {
  return Object.hasOwn(USAGE_RULES, rule);
}

/** How far back the rules that are on look, milliseconds. */
export function lookBackMs({ request_rate, error_rate, failed_authentications, retired_key_in_use, revoked_key_tried }: RuleSettings): number {
  return Math.max(LATELY_MS, request_rate?.for ?? 0, ...[error_rate, failed_authentications, retired_key_in_use, revoked_key_tried].map((rule) => rule?.over ?? 0));
}

/** All that the rules that are on have to say of it. */
export function lookAt(sight: Sight, settings: RuleSettings): readonly Finding[] {
  return Object.keys(USAGE_RULES).flatMap((name) => (isUsageRule(name) ? one(name, sight, settings) : []));
}

function one(name: UsageRule, sight: Sight, settings: RuleSettings): readonly Finding[] {
  const own = settings[name];
  // Each rule belongs to its own settings, which the table above holds it to.
  return own === null ? [] : (USAGE_RULES[name] as (sight: Sight, settings: object) => readonly Finding[])(sight, own);
}
