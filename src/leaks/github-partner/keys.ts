/** GitHub's public keys, by their identifiers: kept for a while, and asked for again at most so often. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { hours, seconds } from '../../core/duration.ts';

/** A key that GitHub takes back stops counting after that. */
const KEPT_MS = hours(1);
/** Whoever sends identifiers that do not exist has GitHub asked no more often. */
const AGAIN_MS = seconds(30);
/** While GitHub does not answer, what it listed before counts for so long. */
const WITHOUT_ANSWER_MS = hours(24);
const MOST_KEYS = 100;

const listed = z.object({ key_identifier: z.string(), key: z.string() });

export interface PublicKeys {
  /** Null for an identifier that GitHub does not list. Throws what `ask` throws, where it is not known without asking. */
  of(identifier: string, now: Date, signal: AbortSignal): Promise<KeyObject | null>;
}

/** `ask` answers the list of keys, of which each is judged by itself. */
export function createPublicKeys(ask: (signal: AbortSignal) => Promise<readonly unknown[]>): PublicKeys {
  let known: ReadonlyMap<string, KeyObject> = new Map();
  let [takenAt, askedAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let underWay: Promise<void> | null = null;
  const refresh = async (now: number, signal: AbortSignal): Promise<void> => {
    askedAt = now;
    known = keysIn(await ask(signal));
    takenAt = now;
  };
  return {
    async of(identifier, at, signal) {
      const now = at.getTime();
      const held = (): KeyObject | null => (now - takenAt < WITHOUT_ANSWER_MS ? (known.get(identifier) ?? null) : null);
      if (now - takenAt < KEPT_MS && known.has(identifier)) return held();
      if (now - askedAt >= AGAIN_MS) underWay ??= refresh(now, signal).finally(() => { underWay = null; });
      try {
        await underWay;
      } catch (error) {
        if (held() === null) throw error;
      }
      return held();
    },
  };
}

/** Only what the programme signs with: ECDSA on P-256. */
function keysIn(answer: readonly unknown[]): ReadonlyMap<string, KeyObject> {
  return new Map(answer.slice(0, MOST_KEYS).flatMap((one) => {
    const said = listed.safeParse(one);
    const key = said.success ? parsed(said.data.key) : null;
    return said.success && key !== null ? [[said.data.key_identifier, key] as const] : [];
  }));
}

function parsed(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null;
  } catch {
    return null;
  }
}
