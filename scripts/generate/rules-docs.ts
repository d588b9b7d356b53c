/** The tables of docs/rules.md, from the rules and their part of the schema; all else of that page is written by hand. */
import { branches, configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts';
import { FINDING_RULES, RULE_FAMILIES, RULE_NAMES, type RuleFamily, type RuleName } from '../../src/core/finding.ts';
import { HEALING } from './rules-healing.ts';

const BEGIN_MARK = '<!-- generated: rules -->';
const END_MARK = '<!-- end -->';

const FAMILY_WORDS: Readonly<Record<RuleFamily, string>> = {
  traffic: 'Traffic: how much a key is used',
  failures: 'Failures: keys that do not work',
  security: 'Security: keys that somebody else may use',
  quota: 'Quota: what will run out',
  hygiene: 'Hygiene: keys that nobody looks after',
  keyturn: 'Keyturn itself: what keeps it from seeing and acting',
};

/** Throws when the page lacks the marks. */
export function renderRulesDocs(current: string | null): string {
  const page = current ?? '';
  const [begin, end] = [page.indexOf(BEGIN_MARK), page.indexOf(END_MARK)];
  if (begin < 0 || end < begin) throw new Error(`docs/rules.md lacks "${BEGIN_MARK}", or "${END_MARK}" after it`);
  return `${page.slice(0, begin + BEGIN_MARK.length)}\n${RULE_FAMILIES.map(family).join('\n\n')}\n${page.slice(end)}`;
}

function family(name: RuleFamily): string {
  return [`## ${FAMILY_WORDS[name]}`, ...RULE_NAMES.filter((rule) => FINDING_RULES[rule].family === name).map(section)].join('\n\n');
}

function section(rule: RuleName): string {
  const schema = configJsonSchema().properties?.['rules']?.properties?.[rule];
  const { severity, means } = FINDING_RULES[rule];
  const { clears, todo } = HEALING[rule];
  return [
    `### ${rule}`,
    `${schema?.description ?? 'Messages of a channel do not arrive for 15 minutes.'} ${means}`,
    `**Severity** ${severity}. **Over** ${clears}. **What to do:** ${todo}`,
    schema === undefined ? 'It has no settings: it can not be switched off, and is told on the other channels.' : settings(schema),
  ].join('\n\n');
}

function settings(schema: JsonSchema): string {
  const fields = Object.entries(branches(schema).find(({ properties }) => properties !== undefined)?.properties ?? {}).filter(([key]) => key !== 'severity');
  const on = schema.default === 'off' ? 'Off unless configured.' : 'On unless `off`.';
  if (fields.length === 0) return `${on} No settings but \`severity\`.`;
  const required = new Set(branches(schema).flatMap((branch) => branch.required ?? []));
  const rows = fields.map(([key, field]) => `| \`${key}\` | ${required.has(key) ? '**required**' : field.default === undefined ? '' : `\`${JSON.stringify(field.default).replaceAll('"', '')}\``} | ${(field.description ?? '').replaceAll('|', '\\|')} |`);
  return [on, '', '| setting | default | meaning |', '|---|---|---|', ...rows].join('\n');
}
