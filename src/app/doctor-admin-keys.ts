/** The admin key is the one key that Keyturn cannot do without: who can replace it when it leaks? */
import type { Settings } from '../config/index.ts';
import { issuerDefinitions, isSecretRef } from '../config/index.ts';
import type { CredentialPlan, PluginDefinition, SecretRef } from '../core/plan.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import { warning } from './finding.ts';
import type { Finding } from './operations.ts';

/** One warning for each issuer whose admin key no declared credential publishes: a person must replace it. */
export function examineAdminKeys(settings: Pick<Settings, 'issuers'>, records: readonly Pick<CredentialRecord, 'plan'>[]): readonly Finding[] {
  return issuerDefinitions(settings).flatMap((issuer) => {
    const ref = adminKeyOf(issuer);
    if (ref === null || records.some(({ plan }) => publishesTo(plan, issuer, ref))) return [];
    const place = ref.from === 'env' ? `environment variable ${ref.name}` : `file ${ref.name}`;
    return [warning('issuer', issuer.name, `Its admin key (${place}) cannot be rotated by Keyturn: no credential is published there. Replace it by hand at regular times, and at once when it leaks: docs/break-glass.md says how.`)];
  });
}

function adminKeyOf({ options }: PluginDefinition): SecretRef | null {
  const ref = options['adminKey'];
  return isSecretRef(ref) ? ref : null;
}

/** A variable of a running process is nothing that can be published to. */
function publishesTo({ issuer, places }: CredentialPlan, { name }: PluginDefinition, ref: SecretRef): boolean {
  return ref.from === 'file' && issuer.name === name && places.some(({ place }) => place['path'] === ref.name);
}
