/** Matchers as people write them: `rule=error_rate`, `credential=prod-*`, `label.team=payments`. */
import { MATCHED, type Matcher } from './alert.ts';
import { KeyturnError } from './errors.ts';

const FORM = new RegExp(`^(${MATCHED.join('|')}|label\\.[^=\\s]{1,100})=(.{1,200})$`, 's');

/** Throws USAGE for one that is none. */
export function parseMatcher(text: string): Matcher {
  const [, field, pattern] = FORM.exec(text) ?? [];
  if (field !== undefined && pattern !== undefined) return { field, pattern };
  throw new KeyturnError('USAGE', `"${text}" is no matcher.`, { effect: 'none', todo: `Write <field>=<pattern>, where the field is ${MATCHED.join(', ')} or label.<name>, and * stands for anything: credential=prod-*.` });
}

export function matcherText({ field, pattern }: Matcher): string {
  return `${field}=${pattern}`;
}
