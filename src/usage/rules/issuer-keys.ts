/** What an inventory found out about an issuer's keys. Pure. */
import { keyLabel, plural, sentence } from '../../core/phrases.ts';
import type { Finding } from '../../core/finding.ts';
import type { InventoryFinding, InventoryRule, KeyRoom } from '../../core/inventory.ts';
import type { RuleSettings } from '../../core/watching.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import { findingOf, ofIssuer, ofKey, type Said } from './finding.ts';

interface Words {
  readonly title: (found: InventoryFinding) => string;
  readonly expected: string;
  readonly actual: (found: InventoryFinding) => string;
  readonly todo: (found: InventoryFinding, issuer: string) => readonly string[];
  /** What does not follow from the rule. */
  readonly more?: (found: InventoryFinding, record: CredentialRecord | null) => Partial<Pick<Said, 'severity' | 'means'>>;
}

const nameOf = ({ name, id }: InventoryFinding): string => (name === '' ? id : name);
const owner = ({ known }: InventoryFinding): string => known?.credential ?? 'nobody';
const byHand = ({ id }: InventoryFinding, issuer: string): string => `revoke the key with id \`${id}\` at \`${issuer}\` by hand`;

const WORDS: Readonly<Record<InventoryRule, Words>> = {
  unmanaged_key: {
    title: (found) => `${nameOf(found)}: a key that nobody manages`,
    expected: 'only keys of declared credentials, and those named in `knownKeys`',
    actual: () => 'a living key of no credential',
    todo: (found, issuer) => ['Have it rotated: declare a credential for it, then `keyturn adopt`.', `Or, if nobody needs it, ${byHand(found, issuer)}.`, 'Or name it in `knownKeys` of the issuer, if people look after it themselves.'],
  },
  name_against_convention: {
    title: (found) => `${nameOf(found)}: a name that tells nobody whose key it is`,
    expected: 'a name such as `prod-api-server`, `backend-ci-testing` or `2026-03-agent-v2`',
    actual: nameOf,
    todo: () => ['A key can not be renamed. When it is replaced, give the new one a name that says whose it is and what for.', 'Or name it in `knownKeys` of the issuer, if it is known all the same.'],
  },
  undeclared_key: {
    title: (found) => `${owner(found)}: left the configuration, and its key lives`,
    expected: 'a declared credential for each living key of Keyturn',
    actual: () => 'a living key without one',
    todo: (found, issuer) => ['Declare the credential again, if it is still in use.', `If not, ${byHand(found, issuer)}.`],
  },
  scopes_wider_than_declared: {
    title: (found) => `${owner(found)}: its key does not have the scopes declared`,
    expected: 'the scopes that the credential declares',
    actual: ({ scopes }) => scopes.join(', '),
    todo: (found) => [`Scopes can not be changed on a key. Replace it: \`keyturn rotate ${owner(found)}\`.`, 'Or declare the scopes that it has, if those are meant.'],
    more: ({ scopes }, record) => (scopes.some((scope) => record?.plan.scopes.includes(scope) === false) ? {} : { means: 'The key may do less than was declared: what its application tries beyond that is refused.' }),
  },
  key_missing: {
    title: (found) => `${owner(found)}: its ${found.known?.state ?? 'old'} key is gone`,
    expected: 'listed by the issuer as living',
    actual: () => 'not listed',
    todo: (found) => ['Find out who revoked it, and whether the admin key is of the right account: `keyturn doctor`.', `Then replace it: \`keyturn rotate ${owner(found)}\`.`],
    more: ({ known }) => (known?.state === 'current' ? {} : { severity: 'warning', means: 'Somebody revoked the key without Keyturn. It is not the current one, so that most applications do not notice.' }),
  },
  revoked_key_alive: {
    title: (found) => `${owner(found)}: a revoked key is alive`,
    expected: 'dead since its revocation was confirmed',
    actual: () => 'listed by the issuer as living',
    todo: (found, issuer) => ['Have it revoked again: `keyturn doctor --settle`.', `If that does not help, ${byHand(found, issuer)}.`, 'Find out who answered for the issuer then: a proxy, or another account?'],
  },
};

/** Null where its rule is off. `record`: the credential's that the key is of. */
export function inventoryFinding(found: InventoryFinding, issuer: string, settings: RuleSettings[InventoryRule], record: CredentialRecord | null): Finding | null {
  if (settings === null) return null;
  const words = WORDS[found.rule];
  const { known } = found;
  const about = known !== null && record !== null ? ofKey(known, record, null) : ofIssuer(issuer, `key ${found.id}`);
  return findingOf(found.rule, settings, about, {
    value: 1, fireAt: 1, clearAt: 0,
    title: words.title(found),
    happened: sentence(found.message),
    expected: words.expected,
    actual: words.actual(found),
    todo: words.todo(found, issuer),
    facts: { Key: keyLabel({ prefix: found.prefix, issuerKeyId: found.id }), Name: nameOf(found), Issuer: issuer },
    evidence: { issuerKeyId: found.id, keyId: known?.id ?? null },
    ...words.more?.(found, record),
  });
}

/** Keys that come and go with the rotations under way do not count. */
export function keyLimitNear(issuer: string, { keyLimit, liveKeys, passing, raiseLimit }: KeyRoom, settings: RuleSettings['key_limit_near']): Finding | null {
  if (settings === null || keyLimit === null) return null;
  const left = keyLimit - (liveKeys - passing);
  if (left > settings.left) return null;
  return findingOf('key_limit_near', settings, ofIssuer(issuer), {
    value: left, fireAt: settings.left, clearAt: settings.left + 1,
    title: left <= 0 ? `${issuer}: no key is left` : `${issuer}: ${plural(left, 'key')} left`,
    happened: `${liveKeys} of ${keyLimit} keys are live at \`${issuer}\`${passing === 0 ? '' : `, ${passing} of them in rotations under way`}. A rotation needs room for one more.`,
    expected: `more than ${plural(settings.left, 'key')} left`,
    actual: plural(Math.max(0, left), 'key'),
    todo: ['See which could go: `keyturn keys`.', sentence(raiseLimit ?? `Raise the limit at \`${issuer}\``)],
    facts: { Live: `${liveKeys} of ${keyLimit}` },
    evidence: { keyLimit, liveKeys, passing },
  });
}
