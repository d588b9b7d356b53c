import type { Actor } from '../../core/vocabulary.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { Engine } from '../engine.ts';

export const DISORDER_KINDS = ['orphan', 'lost', 'debt', 'drift', 'rotation', 'watch'] as const;
export type DisorderKind = (typeof DISORDER_KINDS)[number];

/** Something that is not as it should be, or that belongs to nobody here. */
export interface Disorder {
  /** Where it is looked for: an issuer's name for orphans and lost keys and watches, a credential's for the others. */
  readonly scope: string;
  /** Tells it apart within its kind and scope: the same disorder has the same one whenever it is looked for. */
  readonly what: string;
  readonly subject: 'key' | 'debt' | 'store' | 'rotation' | 'watch';
  readonly name: string;
  readonly level: 'ok' | 'warning' | 'problem';
  /** What was found and what it means. */
  readonly message: string;
  /** Why Keyturn does nothing about it; null where it can, or where people know what to do from the message. */
  readonly leftAlone: string | null;
  readonly settle: Settle | null;
}

export interface Settle {
  /** What would be done, an imperative clause. */
  readonly does: string;
  /** Why that harms nobody. */
  readonly safe: string;
  /** Does it, on the evidence that was gathered for this disorder just now. Answers what came of it. */
  act(actor: Actor, signal: AbortSignal): Promise<Outcome>;
}

export interface Outcome {
  readonly outcome: 'settled' | 'left_alone' | 'failed';
  readonly detail: string;
}

/** Finds disorders of one kind. Reads only, issuers and stores included. */
export type Finder = (engine: Engine, records: readonly CredentialRecord[], signal: AbortSignal) => Promise<readonly Disorder[]>;

export const settled = (detail: string): Outcome => ({ outcome: 'settled', detail });
export const leftAlone = (detail: string): Outcome => ({ outcome: 'left_alone', detail });
export const failed = (detail: string): Outcome => ({ outcome: 'failed', detail });
