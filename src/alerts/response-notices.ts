/** What people are told of responses to findings. Pure. */
import { FINDING_RULES, isRule } from '../core/finding.ts';
import { keyLabel, listed, plural, sentence } from '../core/phrases.ts';
import type { Actor, KeyRecord, Notice } from '../core/vocabulary.ts';
import type { HeldBack, Response, ResponseSeed } from '../ports/response-ledger.ts';

/** A key as notices name it. */
export type NamedKey = Pick<KeyRecord, 'prefix' | 'issuerKeyId' | 'state'>;

interface Words extends Pick<Notice, 'severity' | 'title' | 'happened' | 'means' | 'todo'> {
  readonly facts?: Readonly<Record<string, string>>;
  readonly ask?: NonNullable<Notice['ask']>;
}

const labelled = (key: NamedKey): string => `\`${keyLabel(key)}\``;
const until = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** What to type where nothing is revoked by itself. */
export function revokeCommand({ issuerKeyId }: Pick<NamedKey, 'issuerKeyId'>): string {
  return `keyturn revoke ${issuerKeyId} --reason "…"`;
}

const asked = ({ said }: ResponseSeed): string => sentence(`It was asked for because of: ${said.title}`);
const byHand = (key: NamedKey): string => `Revoke and replace the key yourself: \`${revokeCommand(key)}\`.`;
const look = ({ credential }: ResponseSeed): string => `See who calls, and since when: \`keyturn usage ${credential}\`.`;

/** What applications go through, by what the key is. */
export function consequence({ state }: Pick<KeyRecord, 'state'>): string {
  if (state === 'current') return 'The key dies at once and is replaced. Applications fail from then until they have read the new one, usually within seconds.';
  if (state === 'staged') return 'The key, which a rotation was about to publish, dies at once, and stores get another. Applications that read the one before it notice nothing.';
  return 'Only this key dies, at once. Whatever still uses it fails from then on; applications that read the current key notice nothing.';
}

/** A sentence, going on with another. */
export function within(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function noticeOf(seed: ResponseSeed, key: NamedKey, what: string, { facts = {}, ask, ...words }: Words): Notice {
  return {
    kind: 'response', credential: seed.credential, issuer: seed.issuer, rotationId: null, ...words,
    facts: { Key: keyLabel(key), Policy: seed.policy, ...facts, ...(seed.owner === null ? {} : { Owner: seed.owner }), Rule: seed.rule, Alert: seed.alert, Response: seed.id },
    dedupeKey: `response:${seed.id}:${what}`, ...(ask === undefined ? {} : { ask }),
  };
}

const evidence = ({ said }: ResponseSeed): Readonly<Record<string, string>> => ({ Expected: said.expected, ...said.facts });

/** The key dies, and nobody was asked. */
export function revokesNotice(seed: ResponseSeed, key: NamedKey): Notice {
  return noticeOf(seed, key, 'accepted', {
    severity: 'critical', title: `${seed.credential}: its key is revoked because of a finding`,
    happened: `${sentence(seed.said.happened)} Policy \`${seed.policy}\` answers that by revoking the key ${labelled(key)}.`,
    means: consequence(key),
    todo: [`Follow it: \`keyturn rotations --credential ${seed.credential}\`.`, look(seed), 'If it was no theft, say so in `rules`, or have the policy ask first: `respond: approve`.'],
    facts: evidence(seed),
  });
}

export function askNotice(seed: ResponseSeed, key: NamedKey, expiresAt: Date): Notice {
  return noticeOf(seed, key, 'waiting', {
    severity: 'critical', title: `${seed.credential}: revoke its key? Somebody must decide`,
    happened: `${sentence(seed.said.happened)} Policy \`${seed.policy}\` asks before it revokes the key ${labelled(key)}.`,
    means: `If somebody approves, ${within(consequence(key))} If nobody does until ${until(expiresAt)}, nothing is revoked.`,
    todo: [`At a terminal: \`keyturn responses approve ${seed.id} --reason "…"\`, or \`keyturn responses decline ${seed.id} --reason "…"\`.`, look(seed)],
    facts: evidence(seed), ask: { response: seed.id, expiresAt: expiresAt.toISOString() },
  });
}

export function decidedNotice(response: Response, key: NamedKey, decision: 'accepted' | 'declined', actor: Actor): Notice {
  const approved = decision === 'accepted';
  const { credential } = response;
  return noticeOf(response, key, approved ? 'approved' : 'declined', {
    severity: approved ? 'warning' : 'info',
    title: approved ? `${credential}: its key is revoked, as approved` : `${credential}: its key is not revoked`,
    happened: `\`${actor.who}\` ${approved ? 'approved' : 'declined'} the revocation of the key ${labelled(key)}${actor.why === '' ? '' : ` (${actor.why})`}. ${asked(response)}`,
    means: approved ? consequence(key) : 'Whoever uses the key can go on. Of this incident nobody is asked again.',
    todo: approved ? [`Follow it: \`keyturn rotations --credential ${credential}\`.`, look(response)] : [byHand(key).replace('Revoke', 'If that was wrong, revoke')],
    facts: { [approved ? 'Approved by' : 'Declined by']: actor.who },
  });
}

export function expiredNotice(response: Response, key: NamedKey): Notice {
  return noticeOf(response, key, 'expired', {
    severity: 'critical', title: `${response.credential}: nobody decided, and its key was not revoked`,
    happened: `Until ${response.expiresAt === null ? 'now' : until(response.expiresAt)} nobody approved or declined the revocation of the key ${labelled(key)}. ${asked(response)}`,
    means: 'The link works no more, and whoever uses the key can go on. Of this incident nobody is asked again.',
    todo: [byHand(key), look(response)],
  });
}

export function withheldNotice(seed: ResponseSeed, key: NamedKey, why: string): Notice {
  return noticeOf(seed, key, 'withheld', {
    severity: 'critical', title: `${seed.credential}: Keyturn does not revoke its key by itself`,
    happened: `${sentence(seed.said.happened)} Policy \`${seed.policy}\` would answer that by revoking the key ${labelled(key)}. ${why}`,
    means: 'Nothing was revoked. Whoever uses the key can go on.',
    todo: [byHand(key), look(seed)],
    facts: evidence(seed),
  });
}

const SHOWN = 8;

/** For one channel: all that the breaker held back at once. */
export function trippedNotice(held: readonly HeldBack[], keys: ReadonlyMap<string, NamedKey>): Notice {
  const [first] = held;
  if (first === undefined) throw new Error('nothing was held back');
  const { seed, why } = first;
  const shown = held.slice(0, SHOWN);
  const command = ({ keyId, credential }: ResponseSeed): string => { const key = keys.get(keyId); return key === undefined ? `keyturn revoke ${credential} --reason "…"` : revokeCommand(key); };
  const one = held.length === 1;
  return {
    kind: 'response', severity: 'critical', credential: one ? seed.credential : null, issuer: one ? seed.issuer : null, rotationId: null,
    title: one ? `${seed.credential}: its key was not revoked, since too many were of late` : `${held.length} keys were not revoked, since too many were of late`,
    happened: `Critical findings would have Keyturn act on ${one ? 'a key' : `${held.length} keys`} of ${listed([...new Set(held.map((one) => one.seed.credential))].slice(0, SHOWN))}. ${why}`,
    means: `So many at once may be one thief, or one mistake: a rule that no longer fits, an application that moved. Nothing of ${one ? 'this' : 'these'} was revoked, and nothing will be by itself.`,
    todo: [
      'See what was found: `keyturn alerts --open`.',
      ...shown.map(({ seed: one }) => `If ${one.credential} was stolen: \`${command(one)}\`.`),
      ...(held.length > SHOWN ? [`See the other ${plural(held.length - SHOWN, 'key')}: \`keyturn responses --state tripped\`.`] : []),
      'If it was one mistake, mend the rule, or silence it: `keyturn silence … --for 2h --reason …`.',
    ],
    facts: Object.fromEntries(shown.map(({ seed: one }) => [one.credential, `${one.said.title}${meansOf(one.rule)}`])),
    dedupeKey: `response_tripped:${seed.id}`,
  };
}

function meansOf(rule: string): string {
  return isRule(rule) ? `. ${FINDING_RULES[rule].means}` : '';
}
