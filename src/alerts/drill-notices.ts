/** What people are told of drills. Pure. */
import type { DrillVerdict } from '../core/drill.ts';
import { duration, sentence } from '../core/phrases.ts';
import type { Notice } from '../core/vocabulary.ts';

export interface DrillSubject {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
}

export interface DrillPassedArgs extends DrillSubject {
  /** Since the emergency was accepted, milliseconds. */
  readonly revokeMs: number;
  readonly recoverMs: number;
}

export function drillPassed(args: DrillPassedArgs): Notice {
  const { credential, revokeMs, recoverMs } = args;
  return about(args, 'passed', {
    severity: 'info', title: `${credential}: drill passed`,
    happened: `A throw-away key with the scopes of ${credential} was issued, revoked as in an emergency, and replaced; the issuer refuses it, and its replacement worked.`,
    means: `If the key of ${credential} leaked now, it would be dead after ${duration(revokeMs)}, and a new one proved and published after ${duration(recoverMs)}, as far as issuer and Keyturn go: stores, hooks and applications of ${credential} were not touched. All keys of the drill are revoked.`,
    todo: [],
    facts: { 'Time to revoke': duration(revokeMs), 'Time to recover': duration(recoverMs) },
  });
}

/** Of one that had begun, so that keys of it may live. */
export function drillNotPassed(args: DrillSubject & { readonly verdict: DrillVerdict }): Notice {
  const { credential, issuer, verdict } = args;
  const failed = verdict.state === 'failed';
  return about(args, verdict.state, {
    severity: 'warning', title: failed ? `${credential}: drill failed` : `${credential}: drill given up`,
    happened: sentence(verdict.why),
    means: `${failed ? `In a real emergency of ${credential} the same may happen, and the leaked key live on or applications stay without one.` : `Nothing is known to be wrong, but how an emergency of ${credential} would go was not tried.`} The credential itself was not touched. Keyturn revokes what the drill made, and goes on trying until the issuer confirms that.`,
    todo: failed
      ? [`See what it did: \`keyturn drills show ${args.id}\`, and whether ${issuer} answers: \`keyturn doctor\`.`, `Then try again: \`keyturn drill ${credential} --wait\`.`]
      : [`When what stood in its way is over: \`keyturn drill ${credential} --wait\`.`],
    facts: {},
  });
}

export interface DrillRefusedArgs extends DrillSubject {
  readonly occurrence: Date;
  readonly why: string;
  readonly todo: string;
}

/** Of a scheduled one that could not begin: once an issuer and occurrence, however many credentials share them. */
export function drillRefused(args: DrillRefusedArgs): Notice {
  const { credential, issuer, occurrence, why, todo } = args;
  const notice = about(args, 'refused', {
    severity: 'warning', title: `${credential}: scheduled drill left out`,
    happened: `The drill of ${credential} that was due at ${occurrence.toISOString()} did not begin. ${sentence(why)}`,
    means: `How an emergency of ${credential} would go was not tried, nor that of other credentials at ${issuer} that were due with it. No key was made.`,
    todo: [sentence(todo), `Then: \`keyturn drill ${credential} --wait\`.`],
    facts: {},
  });
  return { ...notice, dedupeKey: `drill_refused:${issuer}:${occurrence.toISOString()}` };
}

type Words = Pick<Notice, 'severity' | 'title' | 'happened' | 'means' | 'todo' | 'facts'>;

function about({ id, credential, issuer, owner }: DrillSubject, how: string, words: Words): Notice {
  return { kind: 'drill', credential, issuer, rotationId: null, ...words, facts: { ...words.facts, Drill: id, ...(owner === null ? {} : { Owner: owner }) }, dedupeKey: `drill:${id}:${how}` };
}
