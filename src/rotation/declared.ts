/** Declared credentials, page by page: with their plans, all of them may be more than a worker should hold at once. */
import type { CredentialRecord, DeclaredFilter, Ledger } from '../ports/ledger.ts';

const ON_A_PAGE = 100;

/** In the order of their names. One that is declared or given up meanwhile may be among them or not. */
export async function* declaredPages(ledger: Pick<Ledger, 'declaredCredentials'>, filter: DeclaredFilter = {}): AsyncGenerator<readonly CredentialRecord[]> {
  let after: string | undefined;
  for (;;) {
    const page = await ledger.declaredCredentials(filter, { limit: ON_A_PAGE, ...(after === undefined ? {} : { after }) });
    if (page.length > 0) yield page;
    if (page.length < ON_A_PAGE) return;
    after = page.at(-1)?.name;
  }
}
