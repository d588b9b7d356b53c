/** One issuer's list beside what the ledger says of it. */
import type { RevocationDebt, KeyRecord } from '../../core/vocabulary.ts';
import type { IssuedKey, Issuer } from '../../ports/issuer.ts';
import type { CredentialRecord, NameWatch, Rotation } from '../../ports/ledger.ts';
import { within, type Engine } from '../engine.ts';

export interface IssuerView {
  readonly issuer: Issuer;
  /** Credentials of this issuer that are declared. */
  readonly records: readonly CredentialRecord[];
  readonly live: readonly IssuedKey[];
  readonly known: readonly KeyRecord[];
  readonly debts: readonly RevocationDebt[];
  readonly watches: readonly NameWatch[];
  readonly open: readonly Rotation[];
  readonly installation: string;
  readonly now: Date;
}

const ALL_OPEN = 10_000;
/** Added to what an issuer's list may lag behind: clocks and calls take their time too. */
const MARGIN_MS = 60_000;

/** A view of each issuer that can list its keys. One that does not answer is left out: others report that. */
export async function viewIssuers(engine: Engine, records: readonly CredentialRecord[], signal: AbortSignal): Promise<readonly IssuerView[]> {
  const groups = [...Map.groupBy(records, (record) => JSON.stringify(record.plan.issuer)).values()];
  const views = await Promise.all(groups.map((group) => viewIssuer(engine, group, signal).catch(() => null)));
  return views.filter((view) => view !== null);
}

/**
 * The list comes first and the ledger after it: a key is minted only once its intent is in the ledger, so whatever is
 * listed is explained there by then, if it is ours and in order.
 */
async function viewIssuer(engine: Engine, records: readonly CredentialRecord[], signal: AbortSignal): Promise<IssuerView | null> {
  const first = records[0];
  if (first === undefined) return null;
  const { issuer } = await engine.plugins(first.plan);
  if (!issuer.capabilities.list) return null;
  const listed = await issuer.list(within(engine, issuer.capabilities.callTimeoutMs * 3, signal));
  const { ledger } = engine;
  const [known, debts, watches, open, installation, now] = await Promise.all([
    ledger.keysOfIssuer(issuer.name), ledger.openDebts({ issuer: issuer.name }), ledger.watches(issuer.name), ledger.rotations({ open: true }, { limit: ALL_OPEN }), ledger.installation(), ledger.now(),
  ]);
  return { issuer, records, live: listed.filter((key) => key.live), known, debts, watches, open, installation, now };
}

/** The list may not show yet what happened at this instant. */
export function tooFresh({ issuer, now }: IssuerView, at: Date | null): boolean {
  return at !== null && now.getTime() - at.getTime() < issuer.capabilities.listLagMs + MARGIN_MS;
}
