/** What people are told of a revocation past the worker that only they can finish. Pure. */
import type { BreakGlassRecord } from '../core/break-glass.ts';
import type { Notice } from '../core/vocabulary.ts';
import { keyLabel, sentence } from '../core/phrases.ts';

export interface WaitingRecord {
  readonly record: Pick<BreakGlassRecord, 'id' | 'issuer' | 'keyId' | 'prefix' | 'who' | 'why' | 'askedAt'>;
  /** Null for a key that the ledger does not know. */
  readonly credential: string | null;
  /** Why the worker does not go on with it, a clause. */
  readonly why: string;
}

/** Somebody wanted a key dead with `--direct`, it lives, and the worker leaves it alone. */
export function breakGlassWaits({ record, credential, why }: WaitingRecord): Notice {
  const { issuer, keyId, prefix, who, askedAt } = record;
  const key = keyLabel({ issuerKeyId: keyId, prefix });
  return {
    kind: 'debt_overdue', severity: 'critical', credential, issuer, rotationId: null,
    title: `${credential ?? issuer}: a key lives that somebody wanted dead`,
    happened: `\`${who}\` asked for key \`${key}\` of \`${issuer}\` to be revoked with \`--direct\` on ${askedAt}: ${sentence(record.why)} ${sentence(`The issuer lists it as live, and the worker does not revoke it: ${why}`)}`,
    means: 'If the key has leaked, whoever holds its value can use it until it is revoked.',
    todo: [
      `If it is to die: \`keyturn revoke ${keyId} ${credential === null ? `--direct --issuer ${issuer} ` : ''}--reason "…"\`, or in the issuer's dashboard.`,
      `If it is to live: remove the record \`${record.id}.json\` from the folder \`break-glass\` of the worker's data directory.`,
    ],
    facts: { Key: key, 'Asked by': who, 'Asked at': askedAt },
    dedupeKey: `break_glass:${record.id}`,
  };
}
