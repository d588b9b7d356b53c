/** A record as text, and back. */
import { z } from 'zod';
import { BREAK_GLASS_OUTCOMES, type SealedRecord } from '../../core/break-glass.ts';
import { KeyturnError } from '../../core/errors.ts';

/** Longer than any record is: names and reasons are bounded. */
export const LONGEST_RECORD = 16 * 1024;

/** What a key, a person or a reason may be called; nothing that steers a log or a terminal. */
const words = (max: number) => z.string().max(max).regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u);
const instant = z.iso.datetime();

const shape = z.strictObject({
  keyturn: z.literal('break-glass'),
  version: z.literal(1),
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  issuer: words(200).min(1),
  keyId: words(500).min(1),
  name: words(500),
  prefix: words(100),
  credential: words(200).nullable(),
  who: words(200),
  why: words(2_000),
  askedAt: instant,
  revokedAt: instant.nullable(),
  outcome: z.enum(BREAK_GLASS_OUTCOMES).nullable(),
  mac: z.string().regex(/^[0-9a-f]{64}$/).nullable(),
});

export function recordText(record: SealedRecord): string {
  return `${JSON.stringify({ keyturn: 'break-glass', version: 1, ...record }, null, 2)}\n`;
}

/** Throws RECORD_REFUSED for what is no record, or was cut off; says nothing of who wrote it. */
export function parseRecord(text: string): SealedRecord {
  const parsed = text.length > LONGEST_RECORD ? null : shape.safeParse(json(text));
  if (parsed === null || !parsed.success) throw notARecord();
  const { keyturn: _kind, version: _version, ...record } = parsed.data;
  return record;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function notARecord(): KeyturnError {
  return new KeyturnError('RECORD_REFUSED', 'It is no whole break-glass record of this version of Keyturn: cut off, changed, or something else.', {
    effect: 'none', todo: 'If a key was revoked with --direct, see at the issuer that it is dead, and then `keyturn doctor`.',
  });
}
