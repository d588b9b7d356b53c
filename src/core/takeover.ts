/** The words of a take-over, for a rotation's history. */
export interface Takeover {
  readonly former: { readonly worker: string | null; readonly epoch: number; readonly leasedAt: Date | null; /** Null when the ledger was opened anew and freed it. */ readonly leaseUntil: Date | null };
  readonly worker: string;
  readonly epoch: number;
  readonly at: Date | null;
}

export function takeoverText({ former, worker, epoch, at }: Takeover): string {
  const since = former.leasedAt === null ? '' : ` from ${former.leasedAt.toISOString()}`;
  const end = former.leaseUntil === null
    ? ' and was dead when the ledger was opened again'
    : ` and gave no sign; its lease ran out at ${former.leaseUntil.toISOString()}`;
  return `Worker ${former.worker} held it${since}${end}. Worker ${worker} took over at ${at?.toISOString() ?? 'once'}, epoch ${former.epoch} → ${epoch}: what ${former.worker} had sent is looked for before anything is sent again.`;
}
