/** Responses: what a critical finding may have Keyturn do to the key that it names. Pure. */
import type { Alert } from './alert.ts';
import { RULE_NAMES, type RuleName } from './finding.ts';
import type { CredentialPlan } from './plan.ts';

/** revoke: at once. approve: once a person has confirmed. */
export const RESPONSE_MODES = ['revoke', 'approve'] as const;
export type ResponseMode = (typeof RESPONSE_MODES)[number];

/**
 * waiting: a person is asked. accepted: the key is to die. done: that was asked for. moot: it was dead or dying anyway. declined: a person said no.
 * expired: nobody answered in time. tripped: the breaker held it back. withheld: the credential is protected, or the key's binding is unproved.
 */
export const RESPONSE_STATES = ['waiting', 'accepted', 'done', 'moot', 'declined', 'expired', 'tripped', 'withheld'] as const;
export type ResponseState = (typeof RESPONSE_STATES)[number];

/** Of a policy: which critical findings it answers, and how. */
export interface OnCritical {
  readonly respond: ResponseMode;
  readonly findings: readonly RuleName[];
}

/** How many responses may begin within an hour. */
export interface BreakerLimits {
  readonly perHour: number;
  readonly perIssuerHour: number;
}

interface ResponseRule {
  /** Whether a finding of it may cost a key its life. */
  readonly may: boolean;
  /** Where it may not: completes "may not cause a revocation: …". */
  readonly why: string;
}

const may: ResponseRule = { may: true, why: '' };
const no = (why: string): ResponseRule => ({ may: false, why });
const NOT_ITS_KEY = 'it says nothing of who uses a key';
const UNTIDY = 'it is untidy, and nobody misuses the key';

/**
 * Every rule that there is. What may revoke goes by requests that were served with the key: whoever can cause such a finding holds the key already,
 * so nobody can have somebody else's key revoked from outside.
 */
export const RESPONSE_RULES: Readonly<Record<RuleName, ResponseRule>> = {
  outside_networks: may,
  new_network: may,
  dormant_key_waking: may,
  outside_hours: may,
  request_rate: may,
  unusual_traffic: may,
  new_user_agent: no('a new version of an application looks the same'),
  failed_authentications: no('refused requests did no harm, and anybody can make them'),
  error_rate: no('an application that fails would only fail more'),
  unusual_metric: no('an application that fails would only fail more'),
  retired_key_in_use: no('an application of yours did not read the new key, and Keyturn waits for it'),
  revoked_key_tried: no('the key is dead already'),
  revoked_key_alive: no('Keyturn has revoked it, and the issuer serves it all the same: only the issuer can help'),
  key_missing: no('the key is gone already'),
  quota_on_course: no(NOT_ITS_KEY),
  key_limit_near: no(NOT_ITS_KEY),
  key_unused: no(UNTIDY),
  key_older_than_policy: no(UNTIDY),
  unmanaged_key: no('Keyturn touches no key that it did not make'),
  name_against_convention: no('Keyturn touches no key that it did not make'),
  scopes_wider_than_declared: no(UNTIDY),
  scopes_wider_than_used: no(UNTIDY),
  undeclared_key: no('its credential has no policy any more'),
  issuer_unavailable: no(NOT_ITS_KEY),
  source_unavailable: no(NOT_ITS_KEY),
  scanner_silent: no(NOT_ITS_KEY),
  channel_failing: no(NOT_ITS_KEY),
};

export const ANSWERED_RULES: readonly RuleName[] = RULE_NAMES.filter((name) => RESPONSE_RULES[name].may);

type Subject = Pick<Alert, 'state' | 'told' | 'acknowledged' | 'finding'>;
type Declared = { readonly declared: boolean; readonly plan: Pick<CredentialPlan, 'policy'> };

/**
 * The keys (Keyturn's ids) that an alert has its credential's policy revoke, and how; null for none. Only what people were told of: an alert that is
 * silenced calls for nothing. One that somebody looks after is theirs.
 */
export function answerTo({ state, told, acknowledged, finding }: Subject, record: Declared | undefined): { readonly respond: ResponseMode; readonly keys: readonly string[] } | null {
  const policy = record?.declared === true ? record.plan.policy.onCritical : undefined;
  const standing = (state === 'firing' || state === 'recovering') && told !== null && acknowledged === null;
  const keys = finding.keys ?? [];
  if (policy === undefined || !standing || finding.severity !== 'critical' || keys.length === 0) return null;
  return policy.findings.includes(finding.rule) && RESPONSE_RULES[finding.rule].may ? { respond: policy.respond, keys } : null;
}
