/** What every rule's findings share. Pure. */
import { FINDING_RULES, type Finding, type RuleName } from '../../core/finding.ts';
import type { KeyRecord, Severity } from '../../core/vocabulary.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';

/** Whom it is about. */
export type About = Pick<Finding, 'subject' | 'credential' | 'issuer' | 'source' | 'owner' | 'labels'>;

/** What a rule has to say; the rest follows from the rule. */
export interface Said extends Pick<Finding, 'value' | 'fireAt' | 'clearAt' | 'title' | 'happened' | 'expected' | 'actual' | 'todo'>, Partial<Pick<Finding, 'pendingMs' | 'holdMs' | 'means' | 'facts' | 'keys' | 'evidence'>> {
  /** Where the rule's own and the configured one do not fit. */
  readonly severity?: Severity;
}

/** `settings`: of the rule, as configured. */
export function findingOf(rule: RuleName, settings: { readonly severity?: Severity | undefined }, about: About, said: Said): Finding {
  return { rule, pendingMs: 0, holdMs: null, means: null, facts: {}, evidence: {}, ...about, ...said, severity: settings.severity ?? said.severity ?? FINDING_RULES[rule].severity };
}

type Named = Pick<CredentialRecord, 'name' | 'issuer' | 'owner'> & { readonly plan: Pick<CredentialRecord['plan'], 'labels'> };

/** About a credential as a whole. `part`: what of it, where one rule may find several things. */
export function ofCredential({ name, issuer, owner, plan: { labels } }: Named, source: string | null, part?: string): About {
  return { subject: part === undefined ? `credential:${name}` : `credential:${name} ${part}`, credential: name, issuer, source, owner, labels };
}

/** About one key of it. */
export function ofKey(key: Pick<KeyRecord, 'id'>, credential: Named, source: string | null): About {
  return { ...ofCredential(credential, source), subject: `key:${key.id}` };
}

/** About an issuer. `part`: what of it, where one rule may find several things. */
export function ofIssuer(issuer: string, part?: string): About {
  return { ...NOBODY, subject: part === undefined ? `issuer:${issuer}` : `issuer:${issuer} ${part}`, issuer };
}

export function ofSource(source: string): About {
  return { ...NOBODY, subject: `source:${source}`, source };
}

/** About Keyturn itself. */
export function ofKeyturn(part: string): About {
  return { ...NOBODY, subject: `keyturn:${part}` };
}

const NOBODY = { credential: null, issuer: null, source: null, owner: null, labels: {} } as const;
