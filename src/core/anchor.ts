/** A place in the audit chain and the hash that was there: kept outside the ledger, it proves later what was cut off or replaced. */
export interface Anchor {
  readonly seq: number;
  readonly hash: string;
}

const WRITTEN = /^([1-9]\d{0,14}):([0-9a-f]{64})$/;

/** `<seq>:<hash>`, as it stands in summaries, in the log and in what `keyturn audit verify` prints. */
export function anchorText({ seq, hash }: Anchor): string {
  return `${seq}:${hash}`;
}

/** Reads what `anchorText` wrote; null for anything else. */
export function parseAnchor(text: string): Anchor | null {
  const [, seq, hash] = WRITTEN.exec(text.trim()) ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
}
