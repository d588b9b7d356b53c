/**
 * What people are told of each event, before any channel gives it a form. Pure and cheap: the rotation engine calls
 * these inside the transaction that records the cause. Text between backticks is code: a command, an id, a place.
 */
import type { ChannelLag } from '../ports/ledger.ts';
import type { DebtCause, Notice, NoticeKind, RotationKind, Severity } from '../core/vocabulary.ts';
import { duration, keyLabel, listed, plural, sentence } from '../core/phrases.ts';
import type { KeyLabel } from '../core/phrases.ts';

export type { KeyLabel } from '../core/phrases.ts';

/** Whose rotation it is. */
export interface RotationSubject {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly rotationId: string;
  readonly kind: RotationKind;
}

export interface RotationDoneArgs extends RotationSubject {
  /** Null for a bootstrap: there was no key before. */
  readonly oldKey: KeyLabel | null;
  readonly newKey: KeyLabel;
  /** `describe` of every place that now serves the new key. */
  readonly places: readonly string[];
  readonly tookMs: number;
  /** Emergency and `replace`: how long no working key was served, milliseconds. */
  readonly gapMs?: number;
}

export interface RotationFailedArgs extends RotationSubject {
  /** Reason code of the transition table. */
  readonly reason: string;
  /** What went wrong, a sentence. */
  readonly message: string;
  readonly oldKey: KeyLabel | null;
  readonly newKey: KeyLabel | null;
  /** The person who asked for it; absent when Keyturn turned back by itself. */
  readonly askedBy?: string;
}

export interface RotationStoppedArgs extends RotationSubject {
  readonly reason: string;
  readonly message: string;
  /** What a person must do; a general list when empty or absent. */
  readonly todo?: readonly string[];
  /** More labelled facts, e.g. which keys could go. */
  readonly facts?: Readonly<Record<string, string>>;
}

export interface RotationWaitingArgs extends RotationStoppedArgs {
  /** The state in which it waits, e.g. `draining`. */
  readonly state: string;
  readonly waitingMs: number;
  /** True when applications may be failing meanwhile (red with no old key to go back to): pages somebody. */
  readonly holding?: boolean;
  /** What it means, where that is not what is said of every wait. */
  readonly means?: string;
}

export interface KeyRevokedArgs {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly rotationId: string | null;
  readonly key: KeyLabel;
  readonly cause: DebtCause;
}

export interface DebtOverdueArgs extends KeyRevokedArgs {
  readonly debtId: string;
  readonly ageMs: number;
  readonly attempts: number;
  readonly lastError: string | null;
}

export interface CredentialUnboundArgs {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  /** Why it has no current key, as a code and as a sentence. */
  readonly code: string;
  readonly why: string;
  readonly todo: string;
}

export interface StoreDriftArgs {
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  readonly rotationId: string | null;
  /** `describe` of the place. */
  readonly place: string;
  readonly expected: string;
  readonly found: string;
  readonly repaired: boolean;
}

export interface TestNoticeArgs {
  /** Unique per test. */
  readonly id: string;
  readonly who: string;
}

/** A credential serves a new key and the old one is dead. */
export function rotationDone(args: RotationDoneArgs): Notice {
  const emergency = args.kind === 'emergency';
  const places = listed(args.places.map((place) => `\`${place}\``));
  return aboutRotation('rotation_done', emergency ? 'warning' : 'info', args, {
    title: emergency ? `${args.credential}: leaked key revoked and replaced` : `${args.credential} has a new key`,
    happened: emergency
      ? `The old key was revoked at once, and a new key was issued, checked and published to ${places}.`
      : `A new key was issued, checked and published to ${places}.${args.oldKey === null ? '' : ' The old key is revoked.'}`,
    means: doneMeans(args),
    todo: emergency ? EMERGENCY_TODO(args.rotationId) : [],
    facts: {
      ...(args.oldKey === null ? {} : { 'Old key': keyLabel(args.oldKey) }),
      'New key': keyLabel(args.newKey),
      Took: duration(args.tookMs),
      ...(args.gapMs === undefined ? {} : { 'Without a working key': duration(args.gapMs) }),
    },
  });
}

function doneMeans(args: RotationDoneArgs): string {
  if (args.gapMs !== undefined) return `No working key was served for ${duration(args.gapMs)}; applications that read the new key work again.`;
  if (args.oldKey === null) return 'The credential now has its first key under Keyturn, and applications can read it.';
  return 'Applications read the new key, and nothing uses the old one any more.';
}

const EMERGENCY_TODO = (rotationId: string | null): readonly string[] => [
  `See what the leaked key did while it was exposed: ${rotationId === null ? '`keyturn incidents`' : `\`keyturn incidents show ${rotationId}\``}, whose report follows, and the issuer's own audit log.`,
  'Find out how it leaked, and close that hole before the new key goes the same way.',
];

/** The new key failed before any application read it, or a person gave the rotation up. */
export function rotationAborted(args: RotationFailedArgs): Notice {
  if (args.askedBy !== undefined) return abortedByHand(args);
  return aboutRotation('rotation_aborted', 'warning', args, {
    title: args.oldKey === null ? `${args.credential}: first key rejected` : `${args.credential}: rotation aborted, the old key stays`,
    happened: `The new key did not pass, so no application was given it: ${sentence(args.message)}`,
    means: `${args.oldKey === null ? 'Applications were given no key by Keyturn yet.' : 'Applications go on with the old key, and nothing changed for them.'} The new key is revoked.`,
    todo: [
      `Find the cause with \`keyturn audit --credential ${args.credential}\`, and check the set-up with \`keyturn doctor\`.`,
      `Then try again: \`keyturn rotate ${args.credential} --wait\`.`,
    ],
    facts: failedFacts(args, 'Kept key', 'Rejected key'),
  });
}

function abortedByHand(args: RotationFailedArgs): Notice {
  return aboutRotation('rotation_aborted', 'info', args, {
    title: `${args.credential}: rotation aborted by hand`,
    happened: sentence(args.message),
    means: `${args.oldKey === null ? 'Applications were given no key by this rotation.' : 'Applications go on with the key they have, and nothing changed for them.'}${args.newKey === null ? '' : ' The new key is revoked.'}`,
    todo: [`When it may go on: \`keyturn rotate ${args.credential} --wait\`. If it is due, the schedule asks again by itself.`],
    facts: failedFacts(args, 'Kept key', 'Rejected key'),
  });
}

/** Applications did not work with the new key, or a person wanted the old one back; the old one serves again. */
export function rotationRolledBack(args: RotationFailedArgs): Notice {
  if (args.askedBy !== undefined) return rolledBackByHand(args);
  return aboutRotation('rotation_rolled_back', 'critical', args, {
    title: `${args.credential}: rolled back to the old key`,
    happened: `After the new key was published something turned red: ${sentence(args.message)} The old key was published again everywhere.`,
    means: 'Applications read the old key, as before the rotation; they may have failed for a short while. The new key is revoked once the overlap is over.',
    todo: [
      'Look at the application that turned red: did it read the new key, and was it allowed to?',
      `Then try again: \`keyturn rotate ${args.credential} --wait\`.`,
    ],
    facts: failedFacts(args, 'Serving again', 'Rejected key'),
  });
}

function rolledBackByHand(args: RotationFailedArgs): Notice {
  return aboutRotation('rotation_rolled_back', 'warning', args, {
    title: `${args.credential}: rolled back by hand`,
    happened: `${sentence(args.message)} The old key was published again everywhere.`,
    means: 'Applications read the old key, as before the rotation. The new key is revoked.',
    todo: [`When it may go on: \`keyturn rotate ${args.credential} --wait\`. If it is due, the schedule asks again by itself.`],
    facts: failedFacts(args, 'Serving again', 'Rejected key'),
  });
}

function failedFacts(args: RotationFailedArgs, oldLabel: string, newLabel: string): Record<string, string> {
  return {
    ...(args.oldKey === null ? {} : { [oldLabel]: keyLabel(args.oldKey) }),
    ...(args.newKey === null ? {} : { [newLabel]: keyLabel(args.newKey) }),
    Reason: args.reason,
  };
}

/** It can't start until a person acts. */
export function rotationBlocked(args: RotationStoppedArgs): Notice {
  return aboutRotation('rotation_blocked', 'warning', args, {
    title: `${args.credential}: rotation blocked`,
    happened: sentence(args.message),
    means: 'No key was created and nothing changed: applications go on with the key they have, which grows older meanwhile.',
    todo: orElse(args.todo, [
      `See what blocks it: \`keyturn plan\` and \`keyturn doctor\`.`,
      'Clear the cause. Keyturn looks again by itself and goes on.',
    ]),
    facts: { Reason: args.reason, ...args.facts },
  }, args.reason);
}

/** It has been in one state for longer than its policy allows, or holds because there is no way back. */
export function rotationWaiting(args: RotationWaitingArgs): Notice {
  const holding = args.holding === true;
  return aboutRotation('rotation_waiting', holding ? 'critical' : 'warning', args, {
    title: holding ? `${args.credential}: rotation holds, applications may be failing` : `${args.credential}: rotation is waiting`,
    happened: `The rotation has been \`${args.state}\` for ${duration(args.waitingMs)}: ${sentence(args.message)}`,
    means: args.means ?? (holding
      ? 'There is no old key to go back to, so the new one stays published while the check is red.'
      : 'Applications have a working key. Evidence is still missing, and Keyturn waits for it rather than guess.'),
    todo: orElse(args.todo, [`See where it stands: \`keyturn status\` and \`keyturn audit --credential ${args.credential}\`.`]),
    facts: { Reason: args.reason, State: args.state, Waiting: duration(args.waitingMs), ...args.facts },
  }, `${args.state}${holding ? ':holding' : ''}`);
}

export interface RevokedOnlyArgs extends RotationSubject {
  /** What leaked, or was given up; null when the credential had no key. */
  readonly oldKey: KeyLabel | null;
  /** What the credential goes on with; null when nothing lives any more. */
  readonly keptKey: KeyLabel | null;
  readonly places: readonly string[];
  readonly tookMs: number;
}

/** An emergency has ended that created nothing: another key serves, or the credential has none any more. */
export function revokedOnly(args: RevokedOnlyArgs): Notice {
  const places = listed(args.places.map((place) => `\`${place}\``));
  const retired = args.keptKey === null;
  return aboutRotation('rotation_done', 'warning', args, {
    title: retired ? `${args.credential}: revoked, and nothing takes its place` : `${args.credential}: one key revoked, the other one serves`,
    happened: retired ? 'Every live key was revoked at once, and nothing was created, as was asked.' : `The key that was named was revoked at once; ${places} serve the credential's other key, which was not named.`,
    means: retired
      ? `Applications that still use it fail from now on, and ${places} may still hold the dead value. The credential gets no key by itself.`
      : 'Applications that read the stores work. Those that hold the revoked key in memory fail until they read again.',
    todo: retired
      ? [`Take the credential out of the configuration, and the dead value out of ${places}.`, `To bring it back instead: \`keyturn rotate ${args.credential}\`.`]
      : EMERGENCY_TODO(args.credential),
    facts: {
      ...(args.oldKey === null ? {} : { 'Revoked key': keyLabel(args.oldKey) }),
      ...(args.keptKey === null ? {} : { 'Serving key': keyLabel(args.keptKey) }),
      Took: duration(args.tookMs),
    },
  });
}

const WHY_REVOKED: Readonly<Record<DebtCause, string>> = {
  superseded: 'It was replaced by a newer key, and its time was up.',
  replaced: 'Its issuer allows one key at a time, so it had to go before a new one could be made.',
  aborted: 'It was made for a rotation that was aborted, and no application was given it.',
  rolled_back: 'It was made for a rotation that was rolled back.',
  orphan: 'It was made by a request whose answer was lost, and nobody holds its value.',
  emergency: 'A person asked for its revocation at once.',
};

/** A key is dead at its issuer. */
export function keyRevoked(args: KeyRevokedArgs): Notice {
  const emergency = args.cause === 'emergency';
  return {
    kind: 'key_revoked',
    severity: emergency ? 'warning' : 'info',
    credential: args.credential,
    issuer: args.issuer,
    rotationId: args.rotationId,
    title: `${args.credential}: ${emergency ? 'key revoked in an emergency' : 'a key was revoked'}`,
    happened: `Key \`${keyLabel(args.key)}\` was revoked at \`${args.issuer}\`. ${WHY_REVOKED[args.cause]}`,
    means: 'The issuer refuses it from now on. This can not be undone.',
    todo: emergency ? EMERGENCY_TODO(args.rotationId) : [],
    facts: withOwner(args.owner, { Key: keyLabel(args.key), Cause: args.cause }),
    dedupeKey: `key_revoked:${args.issuer}:${args.key.issuerKeyId}`,
  };
}

/** A key that should be dead still lives. */
export function debtOverdue(args: DebtOverdueArgs): Notice {
  return {
    kind: 'debt_overdue',
    severity: 'critical',
    credential: args.credential,
    issuer: args.issuer,
    rotationId: args.rotationId,
    title: `${args.credential}: a key could not be revoked for ${duration(args.ageMs)}`,
    happened: `Key \`${keyLabel(args.key)}\` should be revoked at \`${args.issuer}\`, and ${plural(args.attempts, 'attempt')} did not achieve it.${args.lastError === null ? '' : ` The last one: ${sentence(args.lastError)}`}`,
    means: `${WHY_REVOKED[args.cause]} Until it is revoked, whoever holds its value can use it. Keyturn goes on trying.`,
    todo: [
      'Check that the issuer answers and that the admin key may revoke: `keyturn doctor`.',
      `If that can't be mended soon, revoke the key with id \`${args.key.issuerKeyId}\` by hand at the issuer. Keyturn notices that it is gone.`,
    ],
    facts: withOwner(args.owner, { Key: keyLabel(args.key), Cause: args.cause, Overdue: duration(args.ageMs), Attempts: String(args.attempts) }),
    dedupeKey: `debt_overdue:${args.debtId}`,
  };
}

/** Nothing says which key the stores serve, so nothing can be rotated. */
export function credentialUnbound(args: CredentialUnboundArgs): Notice {
  return {
    kind: 'rotation_blocked',
    severity: 'warning',
    credential: args.credential,
    issuer: args.issuer,
    rotationId: null,
    title: `${args.credential}: no key is bound to it`,
    happened: sentence(args.why),
    means: 'Keyturn rotates only keys that it made or whose adoption is proved. Nothing changed: applications go on with what they read.',
    todo: [args.todo],
    facts: withOwner(args.owner, { Reason: args.code }),
    dedupeKey: `unbound:${args.credential}:${args.code}`,
  };
}

/** A store serves something else than the ledger says. */
export function storeDrift(args: StoreDriftArgs): Notice {
  return {
    kind: 'store_drift',
    severity: args.repaired ? 'warning' : 'critical',
    credential: args.credential,
    issuer: args.issuer,
    rotationId: args.rotationId,
    title: `${args.credential}: a store ${args.repaired ? 'had drifted and was repaired' : 'serves the wrong key'}`,
    happened: `\`${args.place}\` should serve ${args.expected}, but served ${sentence(args.found)}`,
    means: args.repaired
      ? 'Somebody or something wrote to it besides Keyturn. The right key was published again.'
      : 'Somebody or something wrote to it besides Keyturn. Applications that read it may use a key that nobody rotates, or a dead one.',
    todo: args.repaired
      ? ['Find out who else writes there, or it will drift again.']
      : [`Find out who wrote it. To publish the key of the ledger again: \`keyturn publish ${args.credential}\`.`],
    facts: withOwner(args.owner, { Place: args.place, Expected: args.expected, Found: args.found }),
    dedupeKey: `store_drift:${args.credential}:${args.place}:${args.repaired ? 'repaired' : 'open'}`,
  };
}

/** People are not reached where they expect it. */
export function channelFailing({ channel, failingMs, waiting, stuck, lastError }: ChannelLag): Notice {
  return {
    kind: 'channel_failing',
    severity: 'critical',
    credential: null,
    issuer: null,
    rotationId: null,
    title: `Channel ${channel} takes no messages`,
    happened: `Nothing got through to \`${channel}\` for ${duration(failingMs ?? 0)}.${lastError === null ? '' : ` The last attempt: ${sentence(lastError)}`}`,
    means: 'Whoever is told of things there hears nothing. The messages are kept: those that wait are tried again, those that were refused wait for a person.',
    todo: ['See what is wrong: `keyturn doctor`.', `Once it is mended, send what was refused: \`keyturn deliveries retry ${channel}\`.`],
    facts: { Channel: channel, Waiting: String(waiting), Refused: String(stuck) },
    dedupeKey: `channel_failing:${channel}`,
  };
}

/** Somebody wants to see whether a channel works. */
export function testNotice(args: TestNoticeArgs): Notice {
  return {
    kind: 'test',
    severity: 'info',
    credential: null,
    issuer: null,
    rotationId: null,
    title: 'Keyturn can reach you here',
    happened: `This is a test message, asked for by \`${args.who}\`.`,
    means: 'Notices that are routed to this channel arrive.',
    todo: [],
    facts: {},
    dedupeKey: `test:${args.id}`,
  };
}

type RotationWords = Pick<Notice, 'title' | 'happened' | 'means' | 'todo' | 'facts'>;

/** `variant` tells apart notices of one kind that a rotation may cause more than once. */
function aboutRotation(kind: NoticeKind, severity: Severity, subject: RotationSubject, words: RotationWords, variant = ''): Notice {
  const { credential, issuer, rotationId } = subject;
  const facts = withOwner(subject.owner, { ...words.facts, Kind: subject.kind });
  return { kind, severity, credential, issuer, rotationId, ...words, facts, dedupeKey: `${kind}:${rotationId}${variant === '' ? '' : `:${variant}`}` };
}

function withOwner(owner: string | null, facts: Readonly<Record<string, string>>): Record<string, string> {
  return owner === null ? { ...facts } : { ...facts, Owner: owner };
}

function orElse(given: readonly string[] | undefined, general: readonly string[]): readonly string[] {
  return given === undefined || given.length === 0 ? general : given;
}
