/** The rules as those who scan take them. */
import type { RuleOverrides, RuleSettings } from '../core/watching.ts';
import type { ParsedConfig } from './schema.ts';
import type { CredentialRulesConfig, RulesConfig } from './schema/rules.ts';

/** What holds where a credential says nothing else. */
export function ruleSettings({ rules }: Pick<ParsedConfig, 'rules'>): RuleSettings {
  return converted(rules) as RuleSettings;
}

/** What one credential says. */
export function ruleOverrides(rules: CredentialRulesConfig): RuleOverrides {
  return converted(rules);
}

function converted(rules: Partial<RulesConfig> | CredentialRulesConfig): RuleOverrides {
  const { outside_hours: hours, ...others } = rules;
  const same = Object.entries(others).flatMap(([name, rule]) => (rule === undefined ? [] : [[name, rule === 'off' ? null : rule] as const]));
  return { ...Object.fromEntries(same), ...(hours === undefined ? {} : { outside_hours: hours === 'off' ? null : windowed(hours) }) };
}

function windowed({ days, hours, timezone, severity }: Exclude<RulesConfig['outside_hours'], 'off'>): RuleSettings['outside_hours'] {
  return { window: { days, fromMinute: hours.from, toMinute: hours.to, timezone }, severity };
}
