/** What people are told of a reported leak. Pure. */
import { createHash } from 'node:crypto';
import { keyLabel, sentence } from '../core/phrases.ts';
import type { LeakOutcome } from '../core/leak.ts';
import type { KeyRecord, Notice } from '../core/vocabulary.ts';
import type { Leak } from '../ports/leak-ledger.ts';

export interface LeakTold {
  readonly leak: Pick<Leak, 'id' | 'source' | 'form' | 'url' | 'foundAt' | 'reportedAt' | 'detail' | 'looksLike' | 'lastError'>;
  readonly key: KeyRecord | null;
  readonly owner: string | null;
  readonly outcome: LeakOutcome;
}

interface Words extends Pick<Notice, 'severity' | 'title' | 'means' | 'todo'> {
  /** What is kept with the leak, a sentence. */
  readonly message: string;
}

/** The sentence that is kept with the leak, and the notice; null where nobody needs to hear of it. */
export function leakNotice(told: LeakTold): { readonly message: string; readonly notice: Notice | null } {
  const { leak, key, owner, outcome } = told;
  const words = WORDS[outcome](told);
  if (outcome === 'unknown') return { message: words.message, notice: null };
  const { severity, title, means, todo, message } = words;
  return {
    message,
    notice: {
      kind: 'leak', severity, credential: key?.credential ?? null, issuer: key?.issuer ?? null, rotationId: null, title, means, todo,
      happened: `\`${leak.source}\` reports a leaked secret${leak.url === null ? '' : ` at ${leak.url}`}. ${sentence(message)}`,
      facts: factsOf(told, owner),
      dedupeKey: `leak:${outcome}${key === null ? '' : `:${key.id}:${placeMark(leak.url)}`}`,
    },
  };
}

/** Until it can be read where it was said to be. */
export function leakUnread({ source, url, lastError }: Pick<Leak, 'source' | 'url' | 'lastError'>): Notice {
  return {
    kind: 'leak', severity: 'critical', credential: null, issuer: null, rotationId: null,
    title: `A leak that ${source} reports can't be read`,
    happened: `\`${source}\` reports a leaked secret${url === null ? '' : ` at ${url}`}, and the secret could not be read. ${sentence(lastError ?? '')}`,
    means: 'Whether it is a key of yours is not known, so nothing is revoked. Keyturn goes on trying.',
    todo: ['See which leaks wait: `keyturn leaks --open`.', 'Look at the alert yourself. If it shows a key that Keyturn manages: `keyturn revoke <credential> --reason "leaked"`.'],
    facts: { Source: source, ...(url === null ? {} : { Where: url }) },
    dedupeKey: `leak_unread:${source}`,
  };
}

const named = ({ key }: LeakTold): string => (key === null ? '' : `\`${keyLabel(key)}\` of ${key.credential}`);
const of = ({ key }: LeakTold): string => key?.credential ?? '';
const FIND_HOLE = 'Find out how it leaked, and close that hole before the next key goes the same way.';
const seeUse = (told: LeakTold): string => `See what the key did: \`keyturn usage ${of(told)}\` and the issuer's own audit log.`;

const WORDS: Readonly<Record<LeakOutcome, (told: LeakTold) => Words>> = {
  emergency: (told) => ({
    severity: 'critical', title: `${of(told)}: its current key leaked`,
    message: `It is the current key ${named(told)}, which is revoked at once and then replaced.`,
    means: 'Applications fail from the revocation until the replacement is published, usually within seconds.',
    todo: [`Follow it: \`keyturn rotations --credential ${of(told)}\`.`, seeUse(told), FIND_HOLE],
  }),
  older_key: (told) => ({
    severity: 'critical', title: `${of(told)}: an older key of it leaked`,
    message: `It is the key ${named(told)}, which still lived and is not the current one: only that key is revoked, at once.`,
    means: 'Whatever still uses that key fails from now on. Applications that read the current key notice nothing.',
    todo: [seeUse(told), FIND_HOLE],
  }),
  already_condemned: (told) => ({
    severity: 'warning', title: `${of(told)}: a leaked key that is being revoked was reported`,
    message: `It is the key ${named(told)}, whose revocation is under way already.`,
    means: 'Nothing more is done. Should the revocation fail, people are told.',
    todo: [seeUse(told), FIND_HOLE],
  }),
  already_revoked: deadAlready,
  told: (told) => ({
    severity: 'critical', title: `${of(told)}: a key of it leaked, and nothing was revoked`,
    message: `It is the ${told.key?.state ?? ''} key ${named(told)}. ${told.key?.proven === false ? 'It was adopted without proof that this value is that key, so it is not revoked automatically.' : 'The source is set to tell only, so nothing was revoked.'}`,
    means: 'Whoever has the value can use it until it is revoked.',
    todo: [`Revoke and replace it now: \`keyturn revoke ${of(told)} --reason "leaked"\`.`, seeUse(told)],
  }),
  unmanaged: (told) => ({
    severity: 'critical', title: `A leaked key of ${told.leak.looksLike ?? ''}, which Keyturn does not manage`,
    message: `It has the form of a key of \`${told.leak.looksLike ?? ''}\`, and is none that Keyturn knows.`,
    means: 'Keyturn can’t tell which key it is and revokes nothing. Other leaks of the same report may be told of by this one message.',
    todo: ['See which and where: `keyturn leaks`.', 'Look whether it is yours, with the list of unmanaged keys: `keyturn keys`. If so, revoke it at the issuer.'],
  }),
  unknown: ({ leak }) => ({
    severity: 'info', title: 'A leaked secret that is none of ours', means: '', todo: [],
    message: leak.form === 'hash' ? 'No store of a declared credential serves a value of that hash now. A key whose value no store holds can’t be told by a hash.' : 'It is no key that Keyturn knows, and has not the form of one.',
  }),
  unreadable: ({ leak }) => ({
    severity: 'critical', title: `A leak that ${leak.source} reports was never read`,
    message: `The secret could not be read for a day, and it is not tried any more. ${sentence(leak.lastError ?? '')}`,
    means: 'Whether it is a key of yours is not known, and nothing was revoked.',
    todo: ['Look at the alert yourself. If it shows a key that Keyturn manages: `keyturn revoke <credential> --reason "leaked"`.', 'Mend the source: `keyturn doctor`.'],
  }),
};

/** What matters to people: could somebody have used it while it lay there? */
function deadAlready(told: LeakTold): Words {
  const { leak, key } = told;
  const seenAt = leak.foundAt ?? leak.reportedAt;
  const diedAt = key?.revokedAt ?? null;
  const before = diedAt !== null && diedAt <= seenAt;
  const when = diedAt === null ? 'at a time that is not known' : `at ${diedAt.toISOString()}`;
  return {
    severity: before ? 'info' : 'warning', title: `${of(told)}: a dead key of it was found`,
    message: `It is the key ${named(told)}, which died ${when}, ${before ? `before the leak was seen (${seenAt.toISOString()})` : `after the leak was seen (${seenAt.toISOString()}) or nobody knows`}.`,
    means: before ? 'It opened nothing any more when it was found. It may have lain there before, while it lived.' : 'It lived while it lay there: somebody may have used it.',
    todo: before ? [FIND_HOLE] : [seeUse(told), FIND_HOLE],
  };
}

function factsOf({ leak, key }: LeakTold, owner: string | null): Record<string, string> {
  return {
    ...(key === null ? {} : { Key: keyLabel(key) }), Source: leak.source, ...(leak.url === null ? {} : { Where: leak.url }), ...(leak.detail === null ? {} : { 'Told as': leak.detail }),
    ...(owner === null ? {} : { Owner: owner }),
  };
}

/** Short enough for a key of de-duplication, however long the address. */
function placeMark(url: string | null): string {
  return createHash('sha256').update(url ?? '').digest('hex').slice(0, 16);
}
