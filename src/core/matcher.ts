/** Matchers as people write them: `rule=error_rate`, `credential=prod-*`, `label.team=payments`. */
import { MATCHED, type Matcher } from './alert.ts';
import { KeyturnError } from './errors.ts';
import { RULE_NAMES } from './finding.ts';
import { matchesAny } from './pattern.ts';
import type { Severity } from './vocabulary.ts';

const FORM = new RegExp(`^(${MATCHED.join('|')}|label\\.[^=\\s]{1,100})=(.{1,200})$`, 's');

/** Fields whose values are all known, so that a slip of the pen is seen before it mutes nothing. */
const VALUES: Readonly<Record<string, readonly string[]>> = { rule: RULE_NAMES, severity: ['info', 'warning', 'critical'] satisfies readonly Severity[] };

/** Throws USAGE for one that is none, and for one that can never fit. */
export function parseMatcher(text: string): Matcher {
  const [, field, pattern] = FORM.exec(text) ?? [];
  if (field !== undefined && pattern !== undefined) return possible({ field, pattern });
  throw new KeyturnError('USAGE', `"${text}" is no matcher.`, { effect: 'none', todo: `Write <field>=<pattern>, where the field is ${MATCHED.join(', ')} or label.<name>, and * stands for anything: credential=prod-*.` });
}

function possible(matcher: Matcher): Matcher {
  const values = VALUES[matcher.field];
  if (values === undefined || values.some((value) => matchesAny([matcher.pattern], value))) return matcher;
  throw new KeyturnError('USAGE', `"${matcherText(matcher)}" fits no alert: there is no such ${matcher.field}.`, { effect: 'none', todo: `It is one of ${values.join(', ')}, or a pattern with *.` });
}

export function matcherText({ field, pattern }: Matcher): string {
  return `${field}=${pattern}`;
}
