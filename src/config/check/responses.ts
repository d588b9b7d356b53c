/** Whether responses to findings can be what their policies say. */
import { FINDING_RULES } from '../../core/finding.ts';
import { channelsFor } from '../routes.ts';
import type { CredentialConfig } from '../schema/credentials.ts';
import type { CheckInput, Remark } from './input.ts';
import { LOOPBACK } from './service.ts';

type Config = CheckInput['config'];

export function checkResponses({ config }: CheckInput): readonly Remark[] {
  const asked = Object.entries(config.policies).filter(([, { onCritical }]) => onCritical?.respond === 'approve').map(([name]) => name);
  return [...links(config, asked), ...Object.entries(config.credentials).flatMap(([name, credential]) => ofCredential(config, name, credential)), ...silent(config)];
}

function links({ response: { approval }, api }: Config, policies: readonly string[]): Remark[] {
  const unsafe = approval.url === undefined ? null : new URL(approval.url);
  return [
    ...(unsafe !== null && /[?#]/.test(unsafe.href) ? [{ path: ['response', 'approval', 'url'], message: 'has a query or a fragment, and links are made by adding /approve/… to it (expected an address that ends with its host or path)' }] : []),
    ...(approval.url === undefined ? policies.map((name): Remark => ({ path: ['policies', name, 'onCritical', 'respond'], message: 'approve asks by a link, and nothing says where that leads (expected response.approval.url, for example https://keyturn.example.com)' })) : []),
    ...(unsafe !== null && unsafe.protocol !== 'https:' && !LOOPBACK.test(unsafe.hostname) ? [{ path: ['response', 'approval', 'url'], message: 'would carry links that revoke unencrypted (expected https://…)' }] : []),
    ...(policies.length > 0 && api.listen === undefined ? [{ path: ['response', 'approval'], atKey: true, message: 'links are opened by nobody: api.listen is not set, and only this machine can use the socket', warning: true as const }] : []),
  ];
}

function ofCredential(config: Config, name: string, credential: CredentialConfig): Remark[] {
  const onCritical = credential.policy === undefined ? undefined : config.policies[credential.policy]?.onCritical;
  const path = ['credentials', name];
  if (onCritical === undefined) return [];
  if (credential.protected) return [{ path: [...path, 'protected'], message: `policy ${credential.policy} answers critical findings, and a protected credential is left out of that: people are told, and revoke it themselves`, warning: true }];
  const deaf = onCritical.findings.some((rule) => !channelsFor(config, { credential: name, owner: credential.owner ?? null, notify: credential.notify, labels: credential.labels, rule }, 'critical').some((channel) => asks(config, channel)));
  return onCritical.respond === 'approve' && deaf ? [{ path, atKey: true, message: `policy ${credential.policy} asks people before it revokes, and no Slack or email channel takes its critical messages (expected a route to one, or notify)` }] : [];
}

/** Machines are not asked. */
function asks({ channels }: Config, name: string): boolean {
  const type = channels[name]?.type;
  return type === 'slack' || type === 'email';
}

/** A policy of whose rules none is critical never does anything. */
function silent(config: Config): Remark[] {
  return Object.entries(config.policies).flatMap(([name, { onCritical }]): Remark[] => {
    const users = Object.values(config.credentials).filter(({ policy }) => policy === name);
    if (onCritical === undefined || users.length === 0) return [];
    const critical = users.some(({ rules }) => onCritical.findings.some((rule) => severityOf(config, rules, rule) === 'critical'));
    return critical ? [] : [{ path: ['policies', name, 'onCritical'], atKey: true, message: `answers nothing: of its credentials no rule that it names is both on and critical (set up outside_networks, or severity: critical under rules)`, warning: true }];
  });
}

function severityOf({ rules }: Config, own: CredentialConfig['rules'], rule: keyof typeof FINDING_RULES): string | null {
  const set = own?.[rule as keyof typeof own] ?? rules[rule as keyof typeof rules];
  return set === undefined || set === 'off' ? null : (set.severity ?? FINDING_RULES[rule].severity);
}
