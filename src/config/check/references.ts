import { oneOf, suggestion } from '../problems.ts';
import { entries, matching, valueAt, type Path } from '../tree.ts';
import type { CheckInput, Remark } from './input.ts';

/** Which fields name an entry of which section. */
const REFERENCES: readonly { readonly pattern: Path; readonly section: string; readonly one: string }[] = [
  { pattern: ['credentials', '*', 'issuer'], section: 'issuers', one: 'issuer' },
  { pattern: ['credentials', '*', 'policy'], section: 'policies', one: 'policy' },
  { pattern: ['credentials', '*', 'stores', '*', 'store'], section: 'stores', one: 'store' },
  { pattern: ['credentials', '*', 'checks', '*'], section: 'checks', one: 'check' },
  { pattern: ['credentials', '*', 'hooks', '*'], section: 'hooks', one: 'hook' },
  { pattern: ['credentials', '*', 'notify', '*'], section: 'channels', one: 'channel' },
  { pattern: ['usage', 'sources', '*', 'issuer'], section: 'issuers', one: 'issuer' },
  { pattern: ['summary', 'channels', '*'], section: 'channels', one: 'channel' },
  { pattern: ['routes', '*', 'channels', '*'], section: 'channels', one: 'channel' },
];

/** Names that nothing bears. */
export function checkReferences({ tree }: CheckInput): readonly Remark[] {
  return REFERENCES.flatMap(({ pattern, section, one }) => {
    const known = entries(valueAt(tree, [section])).map(([name]) => String(name));
    return matching(tree, pattern)
      .filter(({ value }) => typeof value === 'string' && !known.includes(value))
      .map(({ path, value }) => ({ path, message: unknown(String(value), one, section, known) }));
  });
}

function unknown(written: string, one: string, section: string, known: readonly string[]): string {
  if (known.length === 0) return `no ${one} "${written}" is declared (expected one under ${section}, which is empty)`;
  return `no ${one} "${written}" is declared${suggestion(written, known)} ${oneOf(known)}`;
}
